/** What the thread of a native domain answers when dom0 asks it: about its devices and its networks, and to capture their traffic. */
import { captureToFile } from "../network/capture-file.ts";
import { NetworkError, type Networks } from "../network/networks.ts";
import type { BackendDevices } from "../xenbus/devices.ts";
import { Claim } from "./claim.ts";
import type { Asked, Dom0Questions, FromThread } from "./messages.ts";

/** To be called before something changes. Throws NetworkError if nobody waits for that any more. */
type MustBeWanted = () => void;
type Answers = {
  [Q in keyof Dom0Questions]: (
    args: Dom0Questions[Q]["args"],
    mustBeWanted: MustBeWanted,
  ) => Dom0Questions[Q]["result"] | Promise<Dom0Questions[Q]["result"]>;
};

export class Dom0Asks {
  readonly #answers: Answers;
  readonly #send: (message: FromThread) => void;

  constructor(devices: BackendDevices, networks: Networks, send: (message: FromThread) => void) {
    this.#send = send;
    this.#answers = {
      devices: () => devices.reports(),
      networks: () => networks.report(),
      capture: async (wanted, mustBeWanted) => {
        await captureToFile(networks, wanted, mustBeWanted);
        return null;
      },
      captureEnd: ({ file }, mustBeWanted) => {
        mustBeWanted();
        networks.stopCapture(file);
        return null;
      },
    };
  }

  async receive({ asked, question, args, claim: shared }: Asked): Promise<void> {
    const claim = new Claim(shared);
    const answer = this.#answers[question] as (args: unknown, mustBeWanted: MustBeWanted) => unknown;
    const withdrawn = (): NetworkError => new NetworkError("Nobody waits for it any more.", "ECANCELED");
    const mustBeWanted: MustBeWanted = () => {
      if (!claim.take()) throw withdrawn();
    };
    try {
      if (claim.isWithdrawn) throw withdrawn();
      this.#send({ asked, result: await answer(args, mustBeWanted) });
    } catch (error) {
      const { message } = error as Error;
      this.#send({ asked, error: { code: error instanceof NetworkError ? error.code : "EIO", message } });
    }
  }
}
