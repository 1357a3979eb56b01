/** What axe finds in a page, dark and light. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type axe from "axe-core";
import type { Page } from "playwright-core";
import { still } from "./still.ts";

const source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Returns lines that name the rule and the element. */
export async function violationsOf(page: Page): Promise<string[]> {
  const found: string[] = [];
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await still(page);
    // The browser's debugger puts the tool into the page, because the page's policy allows no script.
    if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(source);
    found.push(
      ...(await page.evaluate(async (scheme) => {
        // Of what breaks no rule axe would otherwise name each element, which takes longer than the rules.
        const options = { resultTypes: ["violations" as const] };
        const { violations } = await (window as unknown as { axe: typeof axe }).axe.run(document, options);
        return violations.flatMap(({ id, nodes }) =>
          nodes.map(({ target, failureSummary }) => `${scheme}: ${id}: ${target.join(" ")}: ${failureSummary ?? ""}`),
        );
      }, colorScheme)),
    );
  }
  return found;
}
