// Texts of SMS while they are typed: names are put in by a click, and letters are counted as an SMS counts them.
"use strict";

const BASIC = new Set("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà");
const TWICE = new Set("^{}\\[~]|€");
const SPELT = { "«": 1, "»": 1, "“": 1, "”": 1, "’": 1, "‘": 1, "–": 1, "—": 1, "…": 3, "œ": 2, "Œ": 2, "°": 1 };

// What a letter costs once it is written as an SMS can say it; the server has the last word.
const cost = (letter) => {
  if (BASIC.has(letter)) return 1;
  if (TWICE.has(letter)) return 2;
  if (letter in SPELT) return SPELT[letter];
  return [...letter.normalize("NFKD")].filter((each) => BASIC.has(each)).length;
};

const count = (text) => {
  const each = [...text.normalize("NFC")].map(cost);
  const letters = each.reduce((sum, one) => sum + one, 0);
  if (letters <= 160) return [letters, 1];
  let parts = 1, room = 153;
  for (const one of each) {
    if (one > room) { parts += 1; room = 153; }
    room -= one;
  }
  return [letters, parts];
};

for (const place of document.querySelectorAll("[data-text]")) {
  const area = place.querySelector("textarea"), told = place.querySelector("[data-said]");
  const samples = JSON.parse(place.dataset.text || "{}");
  const tell = () => {
    const text = area.value.replace(/\s+/g, " ").trim().replace(/\{(\w+)\}/g, (all, name) => samples[name] ?? all);
    const [letters, parts] = count(text);
    const said = parts === 1 ? place.dataset.one : place.dataset.more;
    told.textContent = text ? said.replace("{letters}", letters).replace("{parts}", parts) : "";
  };
  area.addEventListener("input", tell);
  tell();
  for (const names of place.querySelectorAll("[data-insert]")) {
    names.hidden = false;
    names.addEventListener("click", (event) => {
      const name = event.target.dataset.name;
      if (!name) return;
      area.setRangeText(name, area.selectionStart, area.selectionEnd, "end");
      area.focus();
      tell();
    });
  }
}
