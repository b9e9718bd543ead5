// Takes the pictures of docs/page.md, and prints the text that they show.
// node pictures.js CHROMIUM SIGN-IN-URL FOLDER
const { chromium } = require("playwright-core");
const [, , executablePath, link, folder] = process.argv;

(async () => {
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  const page = await (await browser.newContext({ locale: "en-GB" })).newPage();
  await page.goto(link);
  await page.click("button[type=submit]");
  const fresh = () => page.evaluate(() => { const l = document.getElementById("live"); return l !== null && l.textContent === l.dataset.live; }); // null: the page of the link is still there
  for (const [name, width, height] of [["phone", 360, 720], ["screen", 1280, 860]]) {
    await page.setViewportSize({ width, height });
    for (const end = Date.now() + 60000; !(await fresh()); await page.waitForTimeout(20)) { // not while a slow machine lets it wait
      if (Date.now() > end) throw new Error("the page is not kept fresh");
    }
    await page.screenshot({ path: `${folder}/page-${name}.png` });
  }
  console.log(await page.innerText("main"));
  await browser.close();
})().catch((e) => { console.error(e); process.exit(1); });
