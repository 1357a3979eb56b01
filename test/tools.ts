/** Programs that tests use as judges, from Debian's packages. `test/install-tools.sh` installs them; without one a test says so and is skipped. */
import { spawnSync } from "node:child_process";

/** Why a program can't be used here, or null. With CI=true a missing one is an error. */
export function toolMissing(program: string, debianPackage: string): string | null {
  if (!spawnSync(program, ["--version"]).error) return null;
  const reason = `${program} is not installed (apt-get install ${debianPackage})`;
  if (process.env.CI) throw new Error(reason);
  return reason;
}
