// A form is sent once: a second click while the answer is on its way does nothing.
// The server is safe without this (the hidden idempotency key); it only spares people the doubt.
"use strict";

function hold(form) {
  form.dataset.sent = "yes";
  form.setAttribute("aria-busy", "true");
}

function release(form) {
  delete form.dataset.sent;
  form.removeAttribute("aria-busy");
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.dataset.sent) event.preventDefault();
  else hold(form);
});

// Coming back with the browser's "back" shows the page as it was left: let the form be sent again.
window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach(release));
document.addEventListener("htmx:afterRequest", (event) => {
  const form = event.target.closest("form");
  if (form) release(form);
});

const summary = document.querySelector(".error-summary");
if (summary) summary.focus();
