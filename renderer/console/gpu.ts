/** Draws with the graphics processor if there is one. A software renderer is slower than the browser's own text. */
import { WebglAddon } from "@xterm/addon-webgl";
import type { Terminal } from "@xterm/xterm";
import { withConstructedStyles } from "./constructed-styles.ts";

/** The names by which browsers report graphics processors that are programs. */
const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;
let available: boolean | null = null;

function hasGpu(): boolean {
  if (available !== null) return available;
  const context = document.createElement("canvas").getContext("webgl2", { failIfMajorPerformanceCaveat: true });
  const names = context?.getExtension("WEBGL_debug_renderer_info");
  const name: unknown = names && context?.getParameter(names.UNMASKED_RENDERER_WEBGL);
  available = context !== null && !(typeof name === "string" && SOFTWARE.test(name));
  // A page may have only a few contexts.
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return available;
}

/** Draws by WebGL until the returned function is called. Without WebGL, and after the context is lost, the terminal draws elements. */
export function drawByGpu(terminal: Terminal): () => void {
  if (!hasGpu()) return () => {};
  const addon = new WebglAddon();
  let on = true;
  // When this renderer is disposed, the terminal creates its other renderer with its styles.
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
