// The kiosk between two guards: a badge reader that types ends with Enter, which
// leads on to the PIN; whoever is at the screen is said to be there, so that it
// is not locked under their hands; and where it is locked, the clock still calls
// for help. Without this file the forms work as they are.
"use strict";
(() => {
  const badge = document.getElementById("badge"), clock = document.getElementById("clock"), lane = document.body.dataset.lane;
  badge?.addEventListener("keydown", (e) => {
    const pin = badge.form.elements.pin;
    if (e.key === "Enter" && pin && pin.value === "") { e.preventDefault(); pin.focus(); }
  });
  if (badge) {
    if (!lane) { return; }
    let pressed;
    const call = () => {
      fetch(lane + "duress", { method: "POST", body: new URLSearchParams() })
        .then((res) => { if (res.status >= 500) { throw new Error(); } })
        .catch(() => setTimeout(call, 1000));
    };
    clock.addEventListener("pointerdown", () => { clearTimeout(pressed); pressed = setTimeout(call, 2000); });
    for (const end of ["pointerup", "pointercancel", "pointerleave"]) { clock.addEventListener(end, () => clearTimeout(pressed)); }
    clock.addEventListener("contextmenu", (e) => e.preventDefault());
    return;
  }
  let said = Date.now();
  const here = () => {
    if (Date.now() - said < 20000) { return; }
    said = Date.now();
    fetch("/kiosk/here", { method: "POST", body: new URLSearchParams() }).catch(() => {});
  };
  document.addEventListener("pointerdown", here);
  document.addEventListener("keydown", here);
})();
