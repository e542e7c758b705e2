// Buys on a Checkout page like a person, in Chromium: `node buy.mjs PAGE PROMOTION-CODE EMAIL`. Prints what the page said before the
// purchase. The browser is the one from npm, for Linux on x64; elsewhere, name one in CHROMIUM.

// Without this, the browser needs libraries of the system that a small machine does not have.
process.env.AWS_EXECUTION_ENV ??= "AWS_Lambda_nodejs22.x";

const [page, code, email] = process.argv.slice(2);
const { default: chromium } = await import("@sparticuz/chromium");
const { default: puppeteer } = await import("puppeteer-core");

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? (await chromium.executablePath()),
  args: [...chromium.args, "--no-sandbox"],
  headless: "shell",
});
try {
  const tab = await browser.newPage();
  await tab.goto(page);
  await tab.type("input[name=promotion_code]", code);
  await Promise.all([tab.waitForNavigation(), tab.click("button[name=apply]")]);
  console.log(await tab.evaluate("document.body.innerText"));
  await tab.type("input[name=email]", email);
  // The page that comes after does not exist here, so only the request for it is waited for.
  const leaves = tab.waitForRequest((request) => !request.url().startsWith(new URL(page).origin));
  await tab.click("button[name=subscribe]");
  await leaves;
} finally {
  await browser.close();
}
