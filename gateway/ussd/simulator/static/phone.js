// The phone without reloading. Everything here also works without this file: the forms are the same.
"use strict";
(() => {
  const at = (id) => document.getElementById(id);
  const call = at("call"), typed = at("typed"), pad = at("pad");
  // After a key something is likely to come soon: an SMS, or an operator's prompt.
  const NEWS_SOON = 1000, SOON_TIMES = 20, NEWS_EVERY = 4000, NEWS_AT_MOST = 60000;
  let seen = call.dataset.seen, busy = false, wait = NEWS_EVERY, soon = 0, timer;

  // What stands in the field already is there to be sent, or to be typed over.
  const fill = (text) => {
    typed.value = text;
    typed.setSelectionRange(0, text.length);
  };

  const show = (told) => {
    const stepped = told.step !== Number(call.elements.step.value);
    const mode = told.mode === "prompt" ? "password" : "text";
    if (at("screen").textContent !== told.screen) {
      at("screen").textContent = told.screen;
      at("window").scrollTop = 0;
    }
    const anew = stepped || typed.type !== mode;
    typed.type = mode;
    if (anew) fill(told.typed);
    at("field").textContent = told.field;
    for (const key of ["send", "leave"]) {
      at(key).value = told[key];
      at(key).textContent = told[key + "_word"];
    }
    at("used").max = told.meter.budget;
    at("used").value = told.meter.used;
    for (const part of ["septets", "hops", "state"]) at(part).textContent = told.meter[part];
    const fresh = document.createElement("ol");
    fresh.innerHTML = told.messages;
    if (fresh.innerHTML !== at("messages").innerHTML) {
      // Only the newest is read aloud, and only when it is new.
      const text = (list) => list.querySelector("li:not(.empty) p + p")?.textContent ?? "";
      if (text(fresh) !== text(at("messages"))) at("newest").textContent = text(fresh);
      at("messages").innerHTML = told.messages;
      at("count").textContent = told.count;
    }
    document.querySelectorAll("input[name=step]").forEach((one) => (one.value = told.step));
    seen = told.seen;
  };

  const ask = async (url, body) => {
    const answer = await fetch(url, { method: body ? "POST" : "GET", body, headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(answer.status);
    return answer.status === 204 ? null : answer.json();
  };

  const press = async (form, key) => {
    if (busy) return;
    busy = true;
    call.setAttribute("aria-busy", "true");
    at("trouble").hidden = true;
    const body = new FormData(form);
    if (key && key.name) body.set(key.name, key.value);
    try {
      show(await ask(form.action, new URLSearchParams(body)));
      // Loaded again, the page holds the same phone.
      history.replaceState(null, "", "?" + new URLSearchParams({ line: body.get("line"), lang: body.get("lang") }));
      soon = SOON_TIMES;
      wait = NEWS_EVERY;
    } catch {
      at("trouble").hidden = false;
    } finally {
      busy = false;
      call.removeAttribute("aria-busy");
      again();
    }
  };

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form !== call && !("call" in form.dataset)) return;
    event.preventDefault();
    if (form !== call) typed.focus({ preventScroll: true });
    press(form, event.submitter || at("send"));
  });

  // A key types where the cursor is, and leaves the focus where it was.
  const type = (text) => {
    const end = text ? typed.selectionEnd : Math.max(typed.selectionStart, typed.selectionEnd);
    const start = text || typed.selectionStart !== typed.selectionEnd ? typed.selectionStart : Math.max(0, end - 1);
    if (typed.value.length - (end - start) + text.length <= typed.maxLength) typed.setRangeText(text, start, end, "end");
  };
  fill(typed.value);
  pad.hidden = at("erase").hidden = false;
  at("refresh").hidden = true;
  for (const key of [...pad.children, at("erase")]) {
    key.addEventListener("pointerdown", (event) => event.preventDefault());
    key.addEventListener("mousedown", (event) => event.preventDefault());
    key.addEventListener("click", () => type(key.id === "erase" ? "" : key.textContent));
  }
  // Whatever is typed on a keyboard goes to the phone, unless another field has the focus.
  document.addEventListener("keydown", (event) => {
    const from = event.target;
    if (event.ctrlKey || event.metaKey || event.altKey || from.matches("input")) return;
    const onKey = from.matches("button, a");
    if (event.key === "Enter" && !onKey) press(call, at("send"));
    else if (event.key.length === 1 && !(onKey && event.key === " ")) typed.focus();
    else if (event.key === "Backspace") typed.focus();
  });

  const look = async () => {
    if (!document.hidden && !busy) {
      const { line, lang, step } = call.elements;
      const before = step.value;
      try {
        const query = new URLSearchParams({ line: line.value, lang: lang.value, seen });
        const told = await ask(call.dataset.news + "?" + query);
        if (told && !busy && before === step.value) show(told);
        wait = NEWS_EVERY;
      } catch {
        wait = Math.min(wait * 2, NEWS_AT_MOST);
      }
    }
    again();
  };
  const again = () => {
    clearTimeout(timer);
    timer = setTimeout(look, soon-- > 0 ? NEWS_SOON : wait);
  };
  again();
})();
