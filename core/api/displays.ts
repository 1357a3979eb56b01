/** The screens that a session looks at: only its own, a bounded number, and closed with it. */
import type { ToolstackClient } from "../toolstack/client.ts";
import { ApiFailure } from "./failure.ts";
import type { Arguments, Results } from "./schema.ts";

const MOST_DISPLAYS = 8;

export class SessionDisplays {
  readonly #open = new Map<number, ToolstackClient>();
  #opening = 0;

  async open(toolstack: ToolstackClient, args: Arguments<"displayOpen">): Promise<Results["displayOpen"]> {
    if (this.#open.size + this.#opening >= MOST_DISPLAYS)
      throw new ApiFailure("EBUSY", `This client looks at ${MOST_DISPLAYS} screens; close one of them.`);
    this.#opening++;
    try {
      const { domid, id } = args;
      const opened = await toolstack.request("displayOpen", { domid, ...(id !== undefined && { id }) });
      this.#open.set(opened.viewer, toolstack);
      return opened;
    } finally {
      this.#opening--;
    }
  }

  /** Returns the host to which a viewer's requests go. Throws ApiFailure for a viewer of another session. */
  hostOf(viewer: number): ToolstackClient {
    const toolstack = this.#open.get(viewer);
    if (toolstack) return toolstack;
    throw new ApiFailure("ENODEV", "This client does not look at that screen.");
  }

  async close(viewer: number): Promise<null> {
    const toolstack = this.hostOf(viewer);
    this.#open.delete(viewer);
    return toolstack.request("displayClose", { viewer });
  }

  /** Called in another power cycle, when the numbers have no meaning any more. */
  forget(): void {
    this.#open.clear();
  }

  end(): void {
    for (const viewer of [...this.#open.keys()]) void this.close(viewer).catch(() => {});
  }
}
