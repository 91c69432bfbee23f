// Reading a label at an inspection: by the camera, by a scanner that types, or
// on the keys shown. The reader of codes is fetched when the camera is started
// and not before. Without this file the text is typed and the forms work.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const text = $("label-text"), eye = $("camera"), view = $("eye"), told = $("told"), vin = $("vin");

  // Keys. On the page of one label they write into its text, else into the VIN.
  const pad = $("pad"), into = text || vin;
  for (const el of document.querySelectorAll("[data-needs-script]")) { el.hidden = false; }
  pad?.addEventListener("click", (e) => {
    const key = e.target.closest("button")?.dataset.key;
    if (!key || !into) { return; }
    if (key === "clear") { into.value = ""; } else if (key === "delete") { into.value = into.value.slice(0, -1); } else if (key === "line") { into.value += "\n"; } else if (key === "space") { into.value += " "; } else { into.value += key; }
  });

  if (!eye || !text || !navigator.mediaDevices?.getUserMedia) { return; }
  eye.hidden = false;
  const film = view.querySelector("video"), canvas = document.createElement("canvas");
  let stream, running = false, reader;

  function load() {
    reader ||= new Promise((done, fail) => {
      const s = document.createElement("script");
      s.src = eye.dataset.reader;
      s.onload = () => {
        ZXingWASM.prepareZXingModule({ overrides: { locateFile: () => eye.dataset.wasm } });
        done(ZXingWASM);
      };
      s.onerror = () => { reader = undefined; fail(new Error("reader")); };
      document.head.append(s);
    });
    return reader;
  }
  function stop() {
    running = false;
    for (const t of stream?.getTracks() || []) { t.stop(); }
    stream = undefined;
    film.srcObject = null;
    view.hidden = true;
    eye.setAttribute("aria-expanded", "false");
  }
  async function look(zxing) {
    const opts = { tryHarder: true, tryRotate: true, tryInvert: true, tryDownscale: true, maxNumberOfSymbols: 8 };
    while (running) {
      if (film.videoWidth) {
        canvas.width = film.videoWidth;
        canvas.height = film.videoHeight;
        const c = canvas.getContext("2d", { willReadFrequently: true });
        c.drawImage(film, 0, 0);
        const found = (await zxing.readBarcodes(c.getImageData(0, 0, canvas.width, canvas.height), opts)).filter((f) => f.isValid && f.text);
        if (running && found.length) { take(found.map((f) => f.text.replace(/[\u0000-\u0009\u000b-\u001f]/g, " ").trim())); return; }
      }
      await new Promise((next) => setTimeout(next, 120));
    }
  }
  function take(lines) {
    stop();
    const have = text.value.split("\n").map((l) => l.trim());
    const fresh = lines.filter((l, i) => l && !have.includes(l) && lines.indexOf(l) === i);
    text.value = [...have.filter(Boolean), ...fresh].join("\n");
    told.textContent = told.dataset.read + " " + lines.join("; ");
    text.form.requestSubmit();
  }
  eye.addEventListener("click", async () => {
    if (running) { stop(); eye.focus(); return; }
    running = true;
    told.textContent = told.dataset.wait;
    try {
      const [zxing, s] = await Promise.all([load(), navigator.mediaDevices.getUserMedia({ audio: false, video: { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 720 } } })]);
      stream = s;
      view.hidden = false;
      eye.setAttribute("aria-expanded", "true");
      film.srcObject = stream;
      await film.play();
      told.textContent = told.dataset.aim;
      view.querySelector("button").focus();
      await look(zxing);
    } catch {
      stop();
      told.textContent = told.dataset.fails;
    }
  });
  view.querySelector("button").addEventListener("click", () => { stop(); told.textContent = ""; eye.focus(); });
  addEventListener("pagehide", stop);
})();
