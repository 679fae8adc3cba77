// Passkeys: the browser asks the device, and its answer goes into the form. Without script nothing here is seen.
"use strict";

(() => {
  if (!window.PublicKeyCredential || !isSecureContext) return;
  const raw = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const known = (list) => (list || []).map((one) => ({ ...one, id: raw(one.id) }));

  // What the server asks, as the browser wants it, and what the device answers, as the server wants it.
  const asked = (way, options) => {
    options.challenge = raw(options.challenge);
    if (way === "create") options.user.id = raw(options.user.id);
    if (options.excludeCredentials) options.excludeCredentials = known(options.excludeCredentials);
    if (options.allowCredentials) options.allowCredentials = known(options.allowCredentials);
    return { publicKey: options };
  };
  const answered = (found) => {
    const response = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (found.response[name]) response[name] = text(found.response[name]);
    }
    return JSON.stringify({ id: found.id, rawId: text(found.rawId), type: found.type, response });
  };

  document.querySelectorAll("[data-no-passkeys]").forEach((one) => { one.hidden = true; });
  document.querySelectorAll("[data-passkeys]").forEach((one) => { one.hidden = false; });
  for (const form of document.querySelectorAll("[data-passkey]")) {
    let asking = false;
    form.addEventListener("submit", async (event) => {
      if (form.elements.answer.value) return;
      event.preventDefault();
      if (asking) return;
      asking = true;
      const sorry = form.querySelector("[data-sorry]"), way = form.dataset.passkey;
      sorry.hidden = true;
      try {
        const found = await navigator.credentials[way](asked(way, JSON.parse(form.dataset.options)));
        form.elements.answer.value = answered(found);
        form.requestSubmit();
      } catch {
        sorry.hidden = false;
      }
      asking = false;
    });
  }
  // Back by the browser's history: the answer was used.
  addEventListener("pageshow", (event) => {
    if (event.persisted) document.querySelectorAll("[data-passkey]").forEach((one) => { one.elements.answer.value = ""; });
  });
})();
