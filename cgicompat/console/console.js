// The console works without this. It adds: figures that stay up to date, and a log that is followed and searched.
"use strict";

const log = document.getElementById("log");
const frame = document.getElementById("frame");
const state = document.getElementById("state");

for (const element of document.querySelectorAll("[data-scripted]")) element.hidden = false;

// Parts of the page, by id, are replaced by what a new page has there; what the reader has opened stays open.

async function refresh() {
  const response = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!response.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const old of document.querySelectorAll("[data-live]")) {
    const fresh = page.getElementById(old.id);
    if (!fresh || old.contains(document.activeElement) || selected(old)) continue;
    for (const opened of old.querySelectorAll("details[open][id]")) {
      const same = fresh.querySelector(`#${opened.id}`);
      if (same) same.open = true;
    }
    old.replaceChildren(...fresh.childNodes);
  }
}

function selected(element) {
  const selection = getSelection();
  return !selection.isCollapsed && selection.containsNode(element, true);
}

// The log.

function wanted(text) {
  return text.toLowerCase().includes(document.getElementById("filter").value.toLowerCase());
}

// An entry, whose further lines begin with blanks, is shown as a whole.
function filter() {
  let entry = [];
  const show = () => {
    const hidden = !entry.some((item) => wanted(item.textContent));
    for (const item of entry) item.hidden = hidden;
  };
  for (const item of log.children) {
    if (!item.textContent.startsWith("  ")) {
      show();
      entry = [];
    }
    entry.push(item);
  }
  show();
}

function toEnd() {
  if (document.getElementById("follow").checked) frame.scrollTop = 0;
}

async function more() {
  const response = await fetch(`${log.dataset.source}?after=${log.dataset.written}`);
  const { written, lines } = await response.json();
  if (written < Number(log.dataset.written)) log.replaceChildren();  // another run of the server
  log.dataset.written = written;
  for (const line of lines) {
    const item = document.createElement("li");
    item.textContent = line;
    log.append(item);
  }
  while (log.children.length > 5000) log.firstChild.remove();
  if (lines.length) {
    filter();
    document.getElementById("empty").hidden = true;
    toEnd();
  }
}

async function beat() {
  if (!document.hidden) {
    try {
      await (log ? more() : refresh());
      if (state) state.textContent = "";
    } catch {
      if (state) state.textContent = "The server does not answer.";
    }
  }
  setTimeout(beat, log ? 700 : 2000);
}

if (log) {
  document.getElementById("filter").addEventListener("input", filter);
  document.getElementById("follow").addEventListener("change", toEnd);
  // Who scrolls up wants to read; who scrolls to the end, where scrollTop is 0, wants to follow.
  frame.addEventListener("scroll", () => {
    document.getElementById("follow").checked = frame.scrollTop > -30;
  });
}
if (log || (document.querySelector("[data-live]") && !document.getElementById("answer"))) setTimeout(beat, 700);
