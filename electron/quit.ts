/** The application's end: the user is asked once what becomes of running domains, and the answer is carried out once. */
import type { MessageBoxOptions } from "electron";
import type { HostService } from "../core/api/host-service.ts";
import type { ElectronParts } from "./parts.ts";
import { keepState } from "./window.ts";
import type { Windows } from "./windows.ts";

const GRACE_MS = 10_000;
/** Systems give five seconds when the session ends (logind's InhibitDelayMaxSec, Windows' HungAppTimeout). The last second is for the exit. */
const SESSION_GRACE_MS = 4_000;
const SHUT_DOWN = 0;
const SAVE = 1;
const KEEP = 2;
const CANCEL = 3;

export class Quitting {
  readonly #parts: Pick<ElectronParts, "app" | "ask">;
  readonly #host: HostService;
  readonly #windows: Windows;
  readonly #release: () => Promise<void>;
  #asking = false;
  #ending: Promise<void> | null = null;

  /** `release` releases what else the application holds, once the host is off. */
  constructor(
    parts: Pick<ElectronParts, "app" | "ask">,
    host: HostService,
    windows: Windows,
    release: () => Promise<void>,
  ) {
    this.#parts = parts;
    this.#host = host;
    this.#windows = windows;
    this.#release = release;
  }

  /** Called when the user wants to quit. Called again meanwhile, it waits for the same answer. */
  async wanted(): Promise<void> {
    if (this.#asking || this.#ending) return;
    this.#asking = true;
    const answer = await this.#whatAboutDomains()
      .then((chosen) => (chosen === SAVE ? this.#saveDomains() : chosen))
      .finally(() => (this.#asking = false));
    if (answer === SHUT_DOWN) await this.end();
    else if (answer === KEEP) this.#windows.hide();
  }

  /** Ends without a question: guests are shut down, then the application ends. */
  end(): Promise<void> {
    return (this.#ending ??= this.#end());
  }

  /**
   * Called when the user logs off or the computer goes down, which no domain outlives. Nobody is asked, because a question would use up the time for
   * shutting them down. Returns true if there is something to shut down and the system has to wait.
   */
  sessionEnds(): boolean {
    const { power } = this.#host.state;
    if (!this.#ending && (power === "off" || power === "crashed")) return false;
    void this.end();
    setTimeout(() => void this.#host.powerOff(0).catch(() => {}), SESSION_GRACE_MS);
    return true;
  }

  async #end(): Promise<void> {
    const { main } = this.#windows;
    keepState(this.#parts, main);
    // The window stays open while guests shut down, and shows that.
    if (!main.isDestroyed()) main.setProgressBar(2);
    await this.#host.powerOff(GRACE_MS).catch(() => {});
    await this.#release().catch(() => {});
    this.#parts.app.exit(0);
  }

  async #whatAboutDomains(): Promise<number> {
    const names = (await this.#running()).map(({ name }) => name);
    if (!names.length) return SHUT_DOWN;
    const listed = names.slice(0, 8).join(", ") + (names.length > 8 ? ` and ${names.length - 8} more` : "");
    return this.#ask({
      type: "question",
      title: "Quit Xenarium",
      message: names.length === 1 ? `${names[0]} is running.` : `${names.length} domains are running.`,
      detail:
        `${names.length === 1 ? "" : `${listed}.\n\n`}Shut down: what has not powered off after ${GRACE_MS / 1000} seconds is ended. ` +
        "Save: they go on where they are when they are restored, also after another start. " +
        "Keep running: the window closes and the host goes on; the tray, or starting Xenarium again, brings it back.",
      buttons: ["Shut Down and Quit", "Save and Quit", "Keep Running", "Cancel"],
      defaultId: SHUT_DOWN,
      cancelId: CANCEL,
      noLink: true,
    });
  }

  #ask(question: MessageBoxOptions): Promise<number> {
    const { main } = this.#windows;
    return this.#parts.ask(main.isVisible() ? main : null, question);
  }

  /** Asks how to go on, so that nothing that could not be saved ends without another word. */
  async #saveDomains(): Promise<number> {
    const { main } = this.#windows;
    if (!main.isDestroyed()) main.setProgressBar(2);
    const failed = await this.#host.kept.saveRunning();
    if (!main.isDestroyed()) main.setProgressBar(-1);
    if (!failed.length) return SHUT_DOWN;
    const answer = await this.#ask({
      type: "warning",
      title: "Quit Xenarium",
      message: failed.length === 1 ? "A domain could not be saved." : `${failed.length} domains could not be saved.`,
      detail: failed.slice(0, 8).join("\n\n"),
      buttons: ["Shut Down and Quit", "Cancel"],
      defaultId: 1,
      cancelId: 1,
      noLink: true,
    });
    return answer === 0 ? SHUT_DOWN : CANCEL;
  }

  /** Returns the guests that are up; none if that can't be told. */
  async #running(): Promise<{ domid: number; name: string }[]> {
    if (this.#host.state.power !== "running") return [];
    const domains = await this.#host.toolstack.request("list").catch(() => []);
    return domains.filter(({ domid, state }) => domid !== 0 && !state.shutdown && !state.dying);
  }
}
