// Lints the OpenAPI document with Redocly's strictest rules: node lint.mjs openapi.json
// A warning counts like an error.

import { createRequire } from "node:module";

const installed = createRequire(`${process.cwd()}/`);
const { createConfig, formatProblems, getTotals, lint } = installed("@redocly/openapi-core");

const problems = await lint({ ref: process.argv[2], config: await createConfig({ extends: ["recommended-strict"] }) });
formatProblems(problems, { format: "codeframe", totals: getTotals(problems), version: "" });
process.exitCode = problems.length > 0 ? 1 : 0;
