/** What waits until a page has drawn what it is to show: pictures are taken then, and what axe looks at is not half faded in. */
import type { Page } from "playwright-core";

/** Until it has drawn twice and whatever fades or moves for a while has come to its end; what moves for ever does. */
export async function still(page: Page): Promise<void> {
  await page.evaluate(async () => {
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    const ending = document
      .getAnimations()
      .filter(({ effect, playState }) => playState === "running" && effect?.getComputedTiming().endTime !== Infinity);
    await Promise.allSettled(ending.map(({ finished }) => finished));
  });
}
