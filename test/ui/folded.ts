/** The graphs of a domain's Overview that are folded away below the large ones. */
import type { Page } from "playwright-core";

export async function unfold(page: Page): Promise<void> {
  const more = page.locator(".more-graphs");
  await more.waitFor({ timeout: 40_000 });
  if ((await more.getAttribute("open")) === null) await more.locator("summary").click();
}
