'use strict';

/** This machine as the files in `prebuilds` are named: platform, processor, and on Linux the C library. */
exports.target = () => {
  const { platform, arch } = process;
  if (platform !== 'linux') return `${platform}-${arch}`;
  // Node says which glibc it runs with; without one it is musl. It would also look up the names of open connections.
  process.report.excludeNetwork = true;
  const glibc = process.report.getReport().header.glibcVersionRuntime;
  return `linux-${arch}-${glibc ? 'gnu' : 'musl'}`;
};
