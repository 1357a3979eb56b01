import { useInspected } from "./inspected.ts";
import { Waiting } from "./parts.tsx";
import { Registers } from "./Registers.tsx";
import { useInspect } from "./state.ts";

/** Shows a vCPU's registers, the code around RIP and what is on its stack. */
export function RegistersSection({ domid }: { domid: number }) {
  const vcpu = useInspect((state) => state.vcpu);
  const { value, error } = useInspected("inspectRegisters", { domid, vcpu });
  if (error !== null || value?.vcpu !== vcpu) return <Waiting error={error} />;
  const { running, blocked, online, ranMeanwhile, apic } = value;
  return (
    <Registers
      report={value}
      state={running ? "running" : blocked ? "blocked" : online ? "not running" : "offline"}
      note={`XEN_DOMCTL_${apic ? "gethvmcontext" : "getvcpucontext"} takes the registers at one moment. The domain is not paused${
        ranMeanwhile
          ? ": the vCPU ran on before its code and stack were read, which may be newer."
          : "; the vCPU did not run before its code and stack were read."
      }`}
    />
  );
}
