// What forms do better with a script: search for rows while typing, tell of mistakes on leaving an input, and add rows that
// belong to the one of the form. Without it the same happens on a button. The server decides; there are no rules here.
"use strict";

for (const form of document.querySelectorAll("form[data-check]")) {
  form.addEventListener("change", (event) => check(form, event.target));
}

async function check(form, input) {
  const place = input.closest(".field");
  if (!place || !input.name || input.type === "file" || input.type === "search" || input.name.endsWith("-remove")) return;
  const sent = new FormData(form);
  for (const [name, value] of [...sent]) if (value instanceof File) sent.delete(name);
  let answer;
  try {
    answer = await fetch(form.action, { method: "POST", body: sent, headers: { "X-Flaskkit-Check": input.name } });
  } catch {
    return; // Without a network saving will tell.
  }
  if (!answer.ok || !answer.headers.get("Content-Type").startsWith("application/json")) return;
  const { errors } = await answer.json();
  show(place, document.getElementById(input.name) || input, errors.join(" "));
}

function show(place, input, text) {
  const id = `${input.id}-error`;
  const told = document.getElementById(id) || place.appendChild(document.createElement("div"));
  Object.assign(told, { id, className: "field-error", textContent: text });
  told.setAttribute("role", "status");
  input.classList.toggle("is-invalid", Boolean(text));
  if (text) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
  const others = (input.getAttribute("aria-describedby") || "").split(" ").filter((one) => one && one !== id);
  input.setAttribute("aria-describedby", [...others, id].join(" "));
}

searchIn(document);

function searchIn(part) {
  for (const picker of part.querySelectorAll("[data-choices]")) {
    const address = picker.dataset.choices;
    const words = picker.querySelector("input[type=search]");
    const button = picker.querySelector("button[name=_search]");
    if (address && words && button) searching(picker, address, words, button);
  }
}

for (const rows of document.querySelectorAll("[data-rows]")) {
  const template = rows.querySelector(":scope > template");
  const more = rows.querySelector(":scope > button[name=_rows]");
  let next = 0;
  for (const button of rows.querySelectorAll(".owned-row button[name=_rows]")) next = Math.max(next, 1 + Number(button.value.split("-").pop()));

  rows.addEventListener("click", (event) => {
    const button = event.target.closest("button[name=_rows]");
    if (!button) return;
    event.preventDefault();
    if (button === more) {
      template.insertAdjacentHTML("beforebegin", template.innerHTML.replaceAll("__row__", next++).replaceAll("__number__", next));
      const added = template.previousElementSibling;
      searchIn(added);
      added.querySelector("input:not([type=hidden]), select, textarea")?.focus();
    } else {
      button.closest(".owned-row").remove();
      more.focus();
    }
  });
}

function searching(picker, address, words, button) {
  const told = picker.querySelector("[data-found]");
  const offer = picker.querySelector("select") ? options : boxes;
  let waiting = 0;
  let last = 0;

  async function search() {
    const text = words.value.trim();
    const mine = ++last;
    if (!text) return;
    const answer = await fetch(`${address}?${new URLSearchParams({ q: text })}`, { headers: { Accept: "application/json" } });
    if (mine !== last) return; // Somebody typed on.
    if (!answer.ok) {
      told.textContent = told.dataset.failed;
      return;
    }
    const { choices } = await answer.json();
    offer(picker, choices);
    told.textContent = told.dataset.found.replace("{number}", choices.length).replace("{words}", () => text);
  }

  // What was looked for is found: Enter saves now.
  picker.addEventListener("change", (event) => {
    if (event.target !== words) words.value = "";
  });
  words.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(search, 250);
  });
  words.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    search();
  });
  button.addEventListener("click", (event) => {
    event.preventDefault();
    search();
  });
}

// What is chosen stays, what was found before goes.
function options(picker, choices) {
  const select = picker.querySelector("select");
  for (const option of [...select.options]) if (option.value && !option.selected) option.remove();
  const kept = new Set([...select.options].map((option) => option.value));
  for (const { key, text } of choices) if (!kept.has(key)) select.add(new Option(text, key));
}

function boxes(picker, choices) {
  const list = picker.querySelector(".choices");
  for (const one of [...list.children]) if (!one.querySelector("input:checked")) one.remove();
  const kept = new Set([...list.querySelectorAll("input")].map((input) => input.value));
  for (const { key, text } of choices) {
    if (kept.has(key)) continue;
    const [row, input, label] = ["div", "input", "label"].map((name) => document.createElement(name));
    row.className = "form-check";
    Object.assign(input, { type: "checkbox", name: picker.id, value: key, id: `${picker.id}-found-${key}`, className: "form-check-input" });
    Object.assign(label, { htmlFor: input.id, textContent: text, className: "form-check-label" });
    row.append(input, " ", label);
    list.append(row);
  }
}
