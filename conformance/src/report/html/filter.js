"use strict";
// Without this script the page loses its filter, and in older browsers a link does not open what it leads to.
{
  const form = document.getElementById("filter");
  const input = document.getElementById("words");
  const output = form.querySelector("output");
  const items = [...document.querySelectorAll("[data-f]")].map((element) => {
    const summary = element.querySelector(":scope > summary");
    return { element, text: ((summary || element).textContent + " " + element.dataset.f + subjects(element)).toLowerCase() };
  });
  const groups = [...document.querySelectorAll("details.area, details.rules, details.cases, details.list")];

  // "go known" finds the cases that go has, and that are a known failure of somebody.
  function subjects(element) {
    if (!element.classList.contains("case")) return "";
    return [...element.querySelectorAll(".result > summary")].map((summary) => " " + summary.textContent).join("");
  }

  function filter() {
    const wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let cases = 0;
    for (const { element, text } of items) {
      element.hidden = !wanted.every((word) => text.includes(word));
      if (!element.hidden && element.classList.contains("case")) cases++;
    }
    for (const group of groups) {
      group.hidden = wanted.length > 0 && !group.querySelector("[data-f]:not([hidden])");
      if (wanted.length > 0 && !group.hidden) group.open = true;
    }
    output.textContent = wanted.length ? (cases === 1 ? "1 case" : cases + " cases") : "";
  }

  function open() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let element = target; element; element = element.parentElement) {
      element.hidden = false;
      if (element.tagName === "DETAILS") element.open = true;
    }
    target.scrollIntoView();
  }

  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  input.addEventListener("input", filter);
  addEventListener("hashchange", open);
  filter();
  open();
}
