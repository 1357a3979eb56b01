/** A hostile domain that is traced: what is recorded belongs to it alone and can be shown, whatever it calls. */
import { traceCalls } from "../../../core/api/trace/calls.ts";
import type { PoweredHost } from "../../../core/toolstack/power.ts";
import { Tracer } from "../../../core/toolstack/trace/tracer.ts";

export class TraceWatch {
  recorded = 0;
  readonly wrong: string[] = [];
  private readonly tracer: Tracer;
  private stop: (() => Promise<void>) | null = null;

  constructor(host: PoweredHost) {
    this.tracer = new Tracer(host);
  }

  async begin(domid: number): Promise<void> {
    this.stop = await this.tracer.listen(domid, ({ domid: of, records }) => {
      for (const call of traceCalls(records)) {
        if (call.domid !== domid || of !== domid || call.vcpu > 31 || !(call.time > 0))
          this.wrong.push(`domain ${call.domid} vCPU ${call.vcpu} at ${call.time}`);
        this.recorded++;
      }
    });
  }

  /** Fails if a record was wrong, or if there are next to none of `made` calls. */
  async end(made: number): Promise<void> {
    await this.stop?.();
    if (this.wrong.length) throw new Error(`trace records are wrong: ${this.wrong.slice(0, 5).join("; ")}`);
    if (this.recorded <= Math.min(made, 1000) / 2) throw new Error(`${this.recorded} trace records of ${made} calls`);
  }
}
