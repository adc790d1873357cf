// What the pages do beyond links and forms. Everything can be read, and every filter set, without this file.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("has-js");

  // The server tells times in the viewer's zone; it learns the zone here, and this page is put right at once.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  document.cookie = `pointsman_zone=${zone}; path=/; max-age=31536000; samesite=lax`;
  const local = (scope) => {
    if (zone === root.dataset.zone) return;
    for (const time of scope.querySelectorAll("time[datetime]")) {
      const moment = new Date(time.dateTime);
      if (!Number.isNaN(moment.valueOf())) time.title = moment.toLocaleString("sv-SE", { timeZoneName: "short" });
    }
  };
  local(document);
  document.addEventListener("htmx:afterSwap", (event) => local(event.target));

  // In the bar of a narrow screen, the page one is on may be out of sight.
  const bar = document.querySelector(".side nav"), current = bar?.querySelector("[aria-current]");
  if (current && bar.scrollWidth > bar.clientWidth) {
    bar.scrollLeft = current.getBoundingClientRect().left - bar.getBoundingClientRect().left - bar.clientWidth / 2;
  }

  const csrf = document.querySelector('meta[name="csrf"]')?.content;
  document.addEventListener("htmx:configRequest", (event) => {
    if (csrf) event.detail.headers["X-CSRF-Token"] = csrf;
  });

  // Theme: at once, and kept by the form that works without this file.
  const theme = document.querySelector("[data-theme-form]");
  theme?.addEventListener("change", () => {
    root.dataset.theme = theme.elements.theme.value;
    theme.submit();
  });

  // A form marked so is sent when a field changes.
  document.addEventListener("change", (event) => event.target.closest("form[data-auto]")?.requestSubmit());
  // A slider tells its value as it moves.
  document.addEventListener("input", (event) => {
    const output = event.target.matches("input[type=range]") && event.target.form?.querySelector(`output[for="${event.target.id}"]`);
    if (output) output.value = event.target.value;
  });

  document.addEventListener("click", async (event) => {
    const copy = event.target.closest("[data-copy]");
    if (copy) {
      try {
        await navigator.clipboard.writeText(copy.dataset.copy);
        copy.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(copy.previousElementSibling);
        copy.textContent = "Selected";
      }
      setTimeout(() => { copy.textContent = "Copy"; }, 2000);
    }
    if (event.target.closest("[data-help]")) document.getElementById("help")?.showModal();
  });

  // Keys: / to the filter, g and a letter to a page, ? for help.
  let going = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, select, textarea, [contenteditable], dialog")) return;
    if (event.key === "?") {
      document.getElementById("help")?.showModal();
    } else if (event.key === "/") {
      const search = document.querySelector("[data-search]");
      const more = document.querySelector(".filters .more");
      if (more && !search) more.open = true;
      (search || document.querySelector(".filters .fields input:not([type=hidden])"))?.focus();
    } else if (event.key === "g") {
      going = Date.now();
      return;
    } else if (Date.now() - going < 1500 && /^[a-z]$/.test(event.key)) {
      const link = document.querySelector(`[data-go="${event.key}"]`);
      if (link) location.assign(link.href);
    } else {
      return;
    }
    going = 0;
    event.preventDefault();
  });
})();
