/** What the thread of a native domain answers when dom0 asks it: about its devices and its networks, and to capture their traffic. */
import { captureToFile } from "../network/capture-file.ts";
import { NetworkError, type Networks } from "../network/networks.ts";
import type { BackendDevices } from "../xenbus/devices.ts";
import type { Asked, Dom0Questions, FromThread } from "./messages.ts";

type Answers = {
  [Q in keyof Dom0Questions]: (
    args: Dom0Questions[Q]["args"],
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
      capture: async (wanted) => {
        await captureToFile(networks, wanted);
        return null;
      },
      captureEnd: ({ file }) => {
        networks.stopCapture(file);
        return null;
      },
    };
  }

  async receive({ asked, question, args }: Asked): Promise<void> {
    const answer = this.#answers[question] as (args: unknown) => unknown;
    try {
      this.#send({ asked, result: await answer(args) });
    } catch (error) {
      const { message } = error as Error;
      this.#send({ asked, error: { code: error instanceof NetworkError ? error.code : "EIO", message } });
    }
  }
}
