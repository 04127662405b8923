// A file dropped anywhere on the dashed area lands in the file field inside it. Without this the field works alone.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("[data-drop]").forEach(area => {
    const field = area.querySelector("input[type=file]"), note = area.querySelector("[data-dropped]"), hint = note.textContent;
    const over = on => area.classList.toggle("over", on);
    ["dragenter", "dragover"].forEach(name => area.addEventListener(name, event => { event.preventDefault(); over(true); }));
    ["dragleave", "drop"].forEach(name => area.addEventListener(name, () => over(false)));
    area.addEventListener("drop", event => {
      event.preventDefault();
      if (event.dataTransfer.files.length !== 1) return;
      field.files = event.dataTransfer.files;
      field.dispatchEvent(new Event("change", { bubbles: true }));
    });
    field.addEventListener("change", () => {
      const file = field.files[0];
      note.textContent = file ? `${file.name} · ${file.size.toLocaleString(document.documentElement.lang)} B` : hint;
    });
  });
});
