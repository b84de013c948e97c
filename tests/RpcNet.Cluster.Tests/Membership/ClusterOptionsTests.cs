using System.Net;

namespace RpcNet.Cluster.Tests.Membership;

public class ClusterOptionsTests
{
    public static TheoryData<string, Action<ClusterOptions>> Bad => new()
    {
        { "RpcNet:Cluster:ProbeInterval ", o => o.ProbeInterval = TimeSpan.FromSeconds(61) },
        { "RpcNet:Cluster:ProbeTimeout ", o => o.ProbeTimeout = o.ProbeInterval },
        { "RpcNet:Cluster:Seeds:1 ", o => o.Seeds = ["ok:1", "no port"] },
        { "RpcNet:Cluster:NodeId ", o => o.NodeId = "has space" },
        { "RpcNet:Cluster:ClusterName ", o => o.ClusterName = "" },
        { "RpcNet:Cluster:AdvertiseAddress ", o => o.AdvertiseAddress = "host:1" },
        { "RpcNet:Cluster:Tags ", o => o.Tags["x"] = new string('y', 600) },
        { "RpcNet:Cluster:MaxMessageBytes ", o => o.MaxTagBytes = 4096 },
        { "RpcNet:Cluster:Phi:Threshold ", o => o.Phi.Threshold = double.NaN },
        { "RpcNet:Cluster:Quarantine:Window ", o => o.Phi.HeartbeatInterval = TimeSpan.FromSeconds(30) },
        { "RpcNet:Cluster:Connections:MaxRedialDelay ", o => o.Connections.MaxRedialDelay = TimeSpan.Zero },
        { "RpcNet:Cluster:Partition:Quorum ", o => o.Partition.Quorum = (QuorumRule)9 },
    };

    [Fact]
    public void Validate_Defaults_AreValid() => Assert.Empty(new ClusterOptions().Validate());

    [Theory]
    [MemberData(nameof(Bad))]
    public void Validate_BadValue_NamesTheKey(string key, Action<ClusterOptions> spoil)
    {
        var options = new ClusterOptions();
        spoil(options);

        Assert.StartsWith(key, Assert.Single(options.Validate()), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("127.0.0.1:61000", "127.0.0.1:61000")]
    [InlineData("[::1]:61000", "[::1]:61000")]
    [InlineData("director.local:1", "Unspecified/director.local:1")]
    [InlineData("::1:61000", null)]
    [InlineData("host", null)]
    [InlineData("host:99999", null)]
    [InlineData(":1", null)]
    [InlineData("", null)]
    public void ParseEndPoint_Text_GivesTheEndPointOrNull(string text, string? expected) =>
        Assert.Equal(expected, ClusterOptions.ParseEndPoint(text)?.ToString());

    [Fact]
    public void ParseEndPoint_Address_NeedsNoResolution() => Assert.IsType<IPEndPoint>(ClusterOptions.ParseEndPoint("10.0.0.1:5"));
}
