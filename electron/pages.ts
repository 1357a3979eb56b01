/** Detects when a window's page is gone: it was left for another one or loaded again, closed, or its process ended. */
import type { WebContents } from "electron";

export function whenLeft(contents: WebContents, left: () => void): void {
  contents.on("did-start-navigation", ({ isMainFrame, isSameDocument }) => {
    if (isMainFrame && !isSameDocument) left();
  });
  contents.on("destroyed", left);
  contents.on("render-process-gone", left);
}
