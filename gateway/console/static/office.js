// What the office's pages do more where there is script: nothing needs it.
"use strict";

// A form is sent once: a second click finds the button asleep. (The server does nothing twice either.)
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-once]")) return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "yes";
  setTimeout(() => form.querySelectorAll("button").forEach((one) => { one.disabled = true; }));
});
// Back from the next page by the browser's history: the form can be used again.
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  document.querySelectorAll("[data-once]").forEach((form) => {
    delete form.dataset.sent;
    form.querySelectorAll("button").forEach((one) => { one.disabled = false; });
  });
});

// On a narrow screen the menu is folded until it is wanted.
if (matchMedia("(max-width: 55.99rem)").matches) {
  document.querySelectorAll("[data-folds]").forEach((one) => { one.open = false; });
}

// Parts that keep themselves fresh: <section data-live="live_rows" data-every="10">. They rest while nobody looks, or
// while somebody is at work in them.
for (const part of document.querySelectorAll("[data-live]")) {
  const every = Number(part.dataset.every || 10) * 1000;
  let seen = "", wait = every;
  const look = async () => {
    if (!document.hidden && !part.contains(document.activeElement)) {
      try {
        const answer = await fetch(location.href, { headers: { "X-Part": part.dataset.live, "X-Seen": seen } });
        if (answer.status === 401) return location.reload();
        if (answer.status === 200) {
          seen = answer.headers.get("X-Seen") || "";
          part.innerHTML = await answer.text();
          part.dispatchEvent(new CustomEvent("freshened", { bubbles: true }));
        }
        wait = answer.ok ? every : Math.min(wait * 2, 300000);
      } catch {
        wait = Math.min(wait * 2, 300000);
      }
    }
    setTimeout(look, wait);
  };
  setTimeout(look, every);
}

// A file dropped on its field is chosen.
for (const field of document.querySelectorAll("[data-drop]")) {
  const input = field.querySelector("input");
  field.addEventListener("dragover", (event) => { event.preventDefault(); field.classList.add("over"); });
  field.addEventListener("dragleave", () => field.classList.remove("over"));
  field.addEventListener("drop", (event) => {
    event.preventDefault();
    field.classList.remove("over");
    if (event.dataTransfer.files.length) input.files = event.dataTransfer.files;
  });
}

// Rows that are walked by keyboard: j and k, or the arrows, go; Enter opens the row's first link; "/" goes to the search.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.closest("input, select, textarea");
  if (event.key === "/" && !typing) {
    const search = document.querySelector("[type=search]");
    if (search) { event.preventDefault(); search.focus(); }
    return;
  }
  if (typing) return;
  const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
  const links = [...document.querySelectorAll("[data-walk] tbody tr a:first-of-type")];
  if (!step || !links.length) return;
  event.preventDefault();
  const at = links.indexOf(document.activeElement);
  links[Math.max(0, Math.min(links.length - 1, at < 0 ? (step > 0 ? 0 : links.length - 1) : at + step))].focus();
});
