/** Drawing by the graphics processor, where there is one: software that acts as one is slower than the browser's own text. */
import { WebglAddon } from "@xterm/addon-webgl";
import type { Terminal } from "@xterm/xterm";
import { withConstructedStyles } from "./constructed-styles.ts";

/** Graphics processors that are programs, by what browsers call them. */
const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;
let available: boolean | null = null;

function hasGpu(): boolean {
  if (available !== null) return available;
  const context = document.createElement("canvas").getContext("webgl2", { failIfMajorPerformanceCaveat: true });
  const names = context?.getExtension("WEBGL_debug_renderer_info");
  const name: unknown = names && context?.getParameter(names.UNMASKED_RENDERER_WEBGL);
  available = context !== null && !(typeof name === "string" && SOFTWARE.test(name));
  // A page may have a few of them only.
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return available;
}

/** Draws by WebGL until the returned function is called; else, and when the context is lost, the terminal draws elements. */
export function drawByGpu(terminal: Terminal): () => void {
  if (!hasGpu()) return () => {};
  const addon = new WebglAddon();
  let on = true;
  // The terminal makes its other renderer, with its styles, as this one goes.
  const dispose = (): void => {
    if (!on) return;
    on = false;
    withConstructedStyles(() => addon.dispose());
  };
  addon.onContextLoss(dispose);
  try {
    terminal.loadAddon(addon);
  } catch {
    dispose();
  }
  return dispose;
}
