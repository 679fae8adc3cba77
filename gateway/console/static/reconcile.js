// Working through differences with the keyboard alone. Nothing needs it: fields and links do the same.
"use strict";

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const at = event.target;
  // In a field letters are letters; among the choices they are keys.
  if (at.closest("select, textarea, input:not([type=radio]):not([type=checkbox])")) return;
  if (event.key === "x") {
    // Tick the row that stands in focus.
    const tick = at.closest("tr")?.querySelector("[type=checkbox]");
    if (tick) { event.preventDefault(); tick.checked = !tick.checked; }
    return;
  }
  const meant = document.querySelector(`main [data-key="${CSS.escape(event.key)}"]`);
  if (!meant) return;
  event.preventDefault();
  if (meant.type !== "radio") return meant.click();
  meant.checked = true;
  const field = meant.dataset.field && document.getElementById(meant.dataset.field);
  (field || meant).focus();
});
