// Uses the client that openapi-typescript and openapi-fetch make: anna writes a note, changes and deletes it.

import createClient from "openapi-fetch";
import type { paths } from "./schema.js";

const { EXAMPLE_URL, EXAMPLE_TOKEN } = process.env;
const stranger = createClient<paths>({ baseUrl: EXAMPLE_URL });
const anna = createClient<paths>({ baseUrl: EXAMPLE_URL, headers: { Authorization: `Bearer ${EXAMPLE_TOKEN}` } });

function expect(what: string, found: unknown, wanted: unknown): void {
  if (found !== wanted) throw new Error(`${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`);
}

const note = { airport: "LOWI", rating: 5, text: "Sit on the right.", visited_on: "2026-02-14" };

const refused = await stranger.POST("/api/notes", { body: note });
expect("a stranger's note", refused.response.status, 401);
expect("its problem", refused.error?.title, "Unauthorized");

const made = await anna.POST("/api/notes", { body: note });
if (!made.data) throw new Error(`not made: ${JSON.stringify(made.error)}`);
const key: number = made.data.id;
expect("the rating", made.data.rating, 5);

const wrong = await anna.PATCH("/api/notes/{key}", { params: { path: { key } }, body: { rating: 9 } });
expect("a wrong rating", wrong.error?.errors?.[0]?.pointer, "#/rating");

const changed = await anna.PATCH("/api/notes/{key}", { params: { path: { key } }, body: { rating: 4 } });
expect("the new rating", changed.data?.rating, 4);

const found = await anna.GET("/api/notes", { params: { query: { sort: ["-created_at"], rating: 4, page_size: 5 } } });
expect("the newest note", found.data?.[0]?.id, key);

const near = await stranger.GET("/api/nearest", { params: { query: { latitude: 47.3, longitude: 11.3, limit: 1 } } });
expect("what is near", near.data?.[0]?.icao, "LOWI");

const gone = await anna.DELETE("/api/notes/{key}", { params: { path: { key } } });
expect("deleting", gone.response.status, 204);
const after = await anna.GET("/api/notes/{key}", { params: { path: { key } } });
expect("reading it then", after.error?.status, 404);
