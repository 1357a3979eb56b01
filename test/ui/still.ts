/** Waits until a page has drawn what it is to show. Then screenshots are taken, and axe does not look at something half faded in. */
import type { Page } from "playwright-core";

/** Waits until the page has drawn twice and whatever fades or moves for a while has come to its end. Movements without an end are not waited for. */
export async function still(page: Page): Promise<void> {
  await page.evaluate(async () => {
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    const ending = document
      .getAnimations()
      .filter(({ effect, playState }) => playState === "running" && effect?.getComputedTiming().endTime !== Infinity);
    await Promise.allSettled(ending.map(({ finished }) => finished));
  });
}
