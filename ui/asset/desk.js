// The keypad of PINs, and the button that prints. Without this file a PIN is
// typed, and the browser's own menu prints.
"use strict";
document.addEventListener("click", (e) => {
  const key = e.target.closest("[data-pin]");
  if (!key || key.disabled) { return; }
  const pin = key.closest("form")?.elements.pin;
  if (!pin) { return; }
  if (key.dataset.pin === "clear") { pin.value = ""; } else if (pin.value.length < 8) { pin.value += key.dataset.pin; }
});
const printing = document.getElementById("print");
if (printing instanceof HTMLButtonElement) {
  printing.hidden = false;
  printing.addEventListener("click", () => window.print());
}
