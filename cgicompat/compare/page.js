// The page can be read without this. It adds: a search by name, opening all at once, and keys that lead from one
// difference to the next.
"use strict";

const $ = (selector) => document.querySelector(selector);
const articles = [...document.querySelectorAll("[data-name]")];

function search() {
  const words = $("#search").value.toLowerCase().split(/\s+/);
  for (const element of articles) {
    const name = element.dataset.name.toLowerCase();
    element.toggleAttribute("data-hidden", !words.every((word) => name.includes(word)));
  }
  count();
}

function visible(element) {
  return element.offsetParent !== null;
}

function count() {
  const shown = articles.filter((element) => element.matches("article") && visible(element)).length;
  $("#shown").textContent = `${shown} of ${articles.length / 2} shown`;
  $("#nothing").style.display = shown ? "none" : "block";
}

function open(all) {
  for (const element of document.querySelectorAll("details")) element.open = all;
}

function step(direction) {
  const places = [...document.querySelectorAll("article[data-state=differs], article[data-state=unstable], article[data-state=fails]")];
  const shown = places.filter(visible);
  const here = shown.indexOf(document.activeElement.closest("article"));
  const next = shown[here < 0 ? (direction > 0 ? 0 : shown.length - 1) : here + direction];
  if (!next) return;
  const diff = next.querySelector("details.runner[data-state=differs]");
  if (diff) diff.open = true;
  next.focus();
  next.scrollIntoView({ block: "start" });
}

for (const element of document.querySelectorAll(".needs-script")) element.classList.remove("needs-script");
$("#search").addEventListener("input", search);
$("#only").addEventListener("change", count);
$("#open").addEventListener("click", () => open(true));
$("#close").addEventListener("click", () => open(false));
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea")) return;
  if (event.key === "n") step(1);
  if (event.key === "p") step(-1);
  if (event.key === "/") {
    event.preventDefault();
    $("#search").focus();
  }
});
count();
