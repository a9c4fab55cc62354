import Testing

@testable import Reactor

@Suite struct ControlGroupTests {
  private func groups(_ files: [String: String]) -> ControlGroups { ControlGroups(read: { files[$0] }) }

  private let unified = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"

  @Test func versionTwoTakesTheSmallestLimitOnTheWayUp() {
    let groups = groups([
      "/proc/self/cgroup": "0::/kubepods/pod1/box\n", "/proc/self/mountinfo": unified,
      "/sys/fs/cgroup/kubepods/pod1/box/memory.max": "max\n",
      "/sys/fs/cgroup/kubepods/pod1/box/memory.high": "300\n",
      "/sys/fs/cgroup/kubepods/pod1/memory.max": "1000\n", "/sys/fs/cgroup/kubepods/memory.max": "2000\n",
      "/sys/fs/cgroup/kubepods/pod1/box/cpu.max": "max 100000\n",
      "/sys/fs/cgroup/kubepods/pod1/cpu.max": "150000 100000\n",
      "/sys/fs/cgroup/kubepods/cpu.max": "400000 100000\n",
    ])
    #expect(groups.memoryBytes == 1000 && groups.memoryHighBytes == 300 && groups.cpuQuota == 1.5)
    let limit = MemoryLimit(groups: groups, machineBytes: 800, wanted: nil)
    #expect(limit.bytes == 300 && limit.groupBytes == 300 && limit.budgetBytes == 225)
  }

  @Test func aNamespaceOfItsOwnShowsTheLimitsAtTheTop() {
    let groups = groups([
      "/proc/self/cgroup": "0::/\n", "/proc/self/mountinfo": unified, "/sys/fs/cgroup/memory.max": "536870912\n",
      "/sys/fs/cgroup/cpu.max": "50000 100000\n",
    ])
    #expect(groups.memoryBytes == 536_870_912 && groups.cpuQuota == 0.5)
    #expect(Processors.usable(affinity: 8, quota: groups.cpuQuota) == 1)
  }

  @Test func versionOneHasADirectoryForEachController() {
    let groups = groups([
      "/proc/self/cgroup": "4:memory:/a/b\n3:cpu,cpuacct:/a\n0::/\n",
      "/proc/self/mountinfo": unified + "33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
        + "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
      "/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes": "9223372036854771712\n",
      "/sys/fs/cgroup/memory/a/memory.limit_in_bytes": "1048576\n",
      "/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us": "250000\n",
      "/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us": "100000\n",
      "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
      "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
    ])
    #expect(groups.memoryBytes == 1_048_576 && groups.cpuQuota == 2.5)
    #expect(Processors.usable(affinity: 8, quota: 2.5) == 3)
    #expect(Processors.usable(affinity: 2, quota: 2.5) == 2)
  }

  @Test func aContainerInTheHostsNamespaceFindsItsOwnMount() {
    let groups = groups([
      "/proc/self/cgroup": "4:memory:/docker/abc\n",
      "/proc/self/mountinfo": "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro shared:1 - cgroup cgroup rw,memory\n",
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": "4096\n",
    ])
    #expect(groups.memoryBytes == 4096 && groups.cpuQuota == nil)
  }

  @Test func nothingReadableIsNoLimit() {
    let groups = groups([:])
    #expect(groups.memoryBytes == nil && groups.cpuQuota == nil)
    #expect(MemoryLimit(groups: groups, machineBytes: 4000, wanted: "off").budgetBytes == 3000)
  }

  @Test(arguments: [
    ("1048576", 1_048_576), ("512MiB", 536_870_912), ("2GiB", 2_147_483_648), ("10KiB", 10240), ("7B", 7),
    ("1TiB", 1_099_511_627_776),
  ])
  func wantedMemory(_ text: String, _ bytes: Int64) { #expect(MemoryLimit.parse(text) == bytes) }

  @Test(arguments: ["", "off", "-1", "1GB", "MiB", "9223372036854775807KiB", "1.5GiB"])
  func wantedMemoryThatIsNone(_ text: String) { #expect(MemoryLimit.parse(text) == nil) }
}
