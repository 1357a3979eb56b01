/** What axe finds in a page, dark and light. */
import axe from "axe-core";
import type { Page } from "playwright-core";
import { still } from "./still.ts";

/** Lines that name rule and element. */
export async function violationsOf(page: Page): Promise<string[]> {
  const found: string[] = [];
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await still(page);
    // The tool is put into the page by the browser's debugger: the page's policy lets no script in.
    if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axe.source);
    found.push(
      ...(await page.evaluate(async (scheme) => {
        const { violations } = await (window as unknown as { axe: typeof axe }).axe.run(document);
        return violations.flatMap(({ id, nodes }) =>
          nodes.map(({ target, failureSummary }) => `${scheme}: ${id}: ${target.join(" ")}: ${failureSummary ?? ""}`),
        );
      }, colorScheme)),
    );
  }
  return found;
}
