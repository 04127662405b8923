// The palette: the search page in a dialog, opened by Ctrl K. Without this script the same link leads to the page.
"use strict";
(() => {
  const dialog = () => document.getElementById("palette");
  const options = () => [...document.querySelectorAll("#hits [role=option]")];
  const field = () => document.querySelector("[role=combobox][aria-controls=hits]");
  const chosen = () => options().find(one => one.getAttribute("aria-selected") === "true");

  function choose(option) {
    options().forEach(one => one.setAttribute("aria-selected", one === option));
    if (option) {
      field()?.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else {
      field()?.removeAttribute("aria-activedescendant");
    }
  }

  function open(link) {
    htmx.ajax("GET", link.dataset.palette, { target: "#palette", swap: "innerHTML" });
  }

  document.addEventListener("click", event => {
    const link = event.target instanceof Element && event.target.closest("[data-palette]");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) { event.preventDefault(); open(link); }
    if (event.target === dialog()) dialog().close();
  });

  document.addEventListener("keydown", event => {
    const link = document.querySelector("[data-palette]");
    if (link && event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      if (dialog().open) dialog().close(); else open(link);
      return;
    }
    if (event.target !== field()) return;
    const all = options(), at = all.indexOf(chosen());
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      choose(all[(at + step + all.length) % all.length]);
    } else if (event.key === "Enter" && chosen()) {
      event.preventDefault();
      if (event.ctrlKey || event.metaKey) window.open(chosen().href, "_blank", "noopener"); else location.assign(chosen().href);
    }
  });

  document.addEventListener("htmx:afterSwap", event => {
    const target = event.detail.target;
    if (target === dialog() && !dialog().open) dialog().showModal();
    if (target === dialog() || target?.id === "hits") choose(field()?.value ? options()[0] : null);
    if (target === dialog()) field()?.focus();
  });
  document.addEventListener("DOMContentLoaded", () => {
    dialog()?.addEventListener("close", () => dialog().replaceChildren());
  });
})();
