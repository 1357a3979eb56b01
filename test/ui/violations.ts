/** What axe finds in a page, dark and light. */
import axe from "axe-core";
import type { Page } from "playwright-core";
import { still } from "./still.ts";

/** Returns lines that name the rule and the element. */
export async function violationsOf(page: Page): Promise<string[]> {
  const found: string[] = [];
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await still(page);
    // The browser's debugger puts the tool into the page, because the page's policy allows no script.
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
