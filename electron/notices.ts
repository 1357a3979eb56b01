/** The desktop's notifications when a domain or the host has crashed while the user looks elsewhere. */
import type { HostService } from "../core/api/host-service.ts";
import type { ElectronParts } from "./parts.ts";

type Notice = NonNullable<ReturnType<ElectronParts["createNotification"]>>;

/** The most notifications at once, of different domains. */
const MOST_NOTICES = 8;

export interface NoticeDeeds {
  /** If a window has the focus, it shows a message of its own. */
  isFocused(): boolean;
  /** Shows the domain; null: the host. */
  go(domid: number | null): void;
}

export class CrashNotices {
  readonly #parts: Pick<ElectronParts, "createNotification">;
  readonly #deeds: NoticeDeeds;
  /**
   * By their subject, so that a domain that crashes again and again has only one. They are kept here, because otherwise a click would find no
   * listener.
   */
  readonly #notices = new Map<string, Notice>();

  constructor(parts: Pick<ElectronParts, "createNotification">, host: HostService, deeds: NoticeDeeds) {
    this.#parts = parts;
    this.#deeds = deeds;
    host.on("stopped", ({ domid, name, reason, action }) => {
      if (reason !== "crash" && reason !== "watchdog") return;
      const what = reason === "crash" ? "has crashed" : "did not feed its watchdog";
      this.#tell(`domain ${name}`, `${name} ${what}`, `on_crash is ${action}. The Xen log shows where.`, domid);
    });
    let power = host.state.power;
    host.on("host", (state) => {
      const crashed = state.power === "crashed" && power !== "crashed";
      power = state.power;
      if (crashed) this.#tell("host", "The host has crashed", state.reason ?? "The Xen log may say why.", null);
    });
  }

  #tell(key: string, title: string, body: string, domid: number | null): void {
    if (this.#deeds.isFocused()) return;
    this.#notices.get(key)?.close();
    this.#notices.delete(key);
    const notice = this.#parts.createNotification({ title, body: body.slice(0, 200) });
    if (!notice) return;
    const [oldest] = this.#notices.keys();
    if (this.#notices.size >= MOST_NOTICES && oldest !== undefined) {
      this.#notices.get(oldest)?.close();
      this.#notices.delete(oldest);
    }
    this.#notices.set(key, notice);
    notice.on("click", () => this.#deeds.go(domid));
    notice.show();
  }
}
