/**
 * Plugins for Rollup: either our own modules are in a bundle as a whole, or there is no bundle.
 *
 * The tree shaking of Rollup (every 4.x up to 4.68.8) drops calls that have an effect: if a property of an object is called with which a promise was
 * resolved, it takes the function that was there first to be the only one, and if that is empty, it takes the call to do nothing. So no built
 * application contained the call by which the window learned that its connection was lost. Now the bundler may only shake libraries, and afterwards
 * each of our modules is parsed again: its syntax tree must have as many nodes of every kind in the bundle as before.
 */

/** What a bundler writes differently when it makes one file of many: names, and where they come from. */
const OF_MODULES = /^(Import|Export)|^(Identifier|MemberExpression|Literal|Program)$/;

function isOurs(id) {
  return /\.[jt]sx?$/.test(id) && !id.includes("node_modules") && !id.startsWith("\0");
}

/** Returns how many nodes of each kind a syntax tree (ESTree) has. */
function countNodes(tree) {
  const counts = new Map();
  const visit = (node) => {
    if (!OF_MODULES.test(node.type)) counts.set(node.type, (counts.get(node.type) ?? 0) + 1);
    for (const part of Object.values(node).flat()) if (typeof part?.type === "string") visit(part);
  };
  visit(tree);
  return counts;
}

/** For one module: returns "CallExpression 12 instead of 13" and so on, for each kind of node whose number has changed. */
function differences(before, after) {
  return [...new Set([...before.keys(), ...after.keys()])]
    .map((kind) => ({ kind, had: before.get(kind) ?? 0, has: after.get(kind) ?? 0 }))
    .filter(({ had, has }) => had !== has)
    .map(({ kind, had, has }) => `${kind} ${has} instead of ${had}`);
}

/** Asks that our own modules be taken whole. Libraries, most of whose code is not needed here, are shaken as always. */
export const KEEP_OWN_CODE = {
  name: "keep-own-code",
  // This is set here, after Rollup has taken the module in, because Rollup forgets it if `transform` sets it.
  moduleParsed: (module) => {
    if (isOurs(module.id)) module.moduleSideEffects = "no-treeshake";
  },
};

/** Checks whether they were. The error names each module that was not, and what is missing in it. */
export const LOOK_FOR_OWN_CODE = {
  name: "look-for-own-code",
  generateBundle(_options, bundle) {
    const bundled = new Map(Object.values(bundle).flatMap(({ modules = {} }) => Object.entries(modules)));
    const lost = [];
    for (const id of [...this.getModuleIds()].filter(isOurs)) {
      const before = countNodes(this.parse(this.getModuleInfo(id).code));
      const differs = differences(before, countNodes(this.parse(bundled.get(id)?.code ?? "")));
      if (differs.length) lost.push(`${id}: ${differs.join(", ")}`);
    }
    if (lost.length) this.error(`the bundle has not all of our own code:\n${lost.join("\n")}`);
  },
};
