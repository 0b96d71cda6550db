/* What a dropped receipt says, in words; its settings go to the whole page. */
Lab.define("receipt", function (ui) {
  const said = ui.element.querySelector(".said");
  ui.watch("value", () => {
    const { settings = {}, lines = [] } = ui.props.value || {};
    Lab.settings.restore(settings);
    said.textContent = lines.join("\n"); // never markup: a receipt may come from anywhere
  });
});
