// Ticks of a list: all of a page at once, and how many there are. Without this each row is ticked alone.
"use strict";
(() => {
  const boxes = form => [...form.querySelectorAll("input[name=id]")];
  function tell(form) {
    const all = boxes(form), picked = all.filter(box => box.checked).length;
    const whole = form.querySelector("[data-all] input");
    whole.checked = picked > 0 && picked === all.length;
    whole.indeterminate = picked > 0 && picked < all.length;
    form.querySelector("[data-picked]").textContent = picked ? String(picked) : "";
    form.querySelector("[data-needs-pick]").disabled = !picked;
  }
  function start() {
    document.querySelectorAll("[data-picks]").forEach(form => {
      const whole = form.querySelector("[data-all]");
      if (!whole.hidden) return;
      whole.hidden = false;
      form.addEventListener("change", event => {
        if (event.target === whole.firstElementChild) boxes(form).forEach(box => { box.checked = event.target.checked; });
        tell(form);
      });
      tell(form);
    });
  }
  document.addEventListener("DOMContentLoaded", start);
  document.addEventListener("htmx:afterSwap", start);
})();
