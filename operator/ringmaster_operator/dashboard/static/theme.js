// Before the first paint, so that nobody sees the other theme flash up. Kept by js/core/theme.js.
(() => {
  try {
    const theme = localStorage.getItem("ringmaster.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset["theme"] = theme;
  } catch {
    // A browser that keeps nothing shows what the system prefers.
  }
})();
