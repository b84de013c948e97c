using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using RpcNet.Cluster;
using RpcNet.Hosting.Tests.Support;
using RpcNet.Testing;

namespace RpcNet.Hosting.Tests.Hosts;

public sealed class ReloadTests
{
    [Fact(Timeout = 60_000)]
    public async Task Configuration_Changed_PublishesTagsAndNamesWhatNeedsARestart()
    {
        var log = new LogCollector();
        IConfigurationRoot root = null!;
        await using var host = await RpcTestHost.StartAsync(
            builder =>
            {
                root = builder.Configuration;
                builder.Logging.AddProvider(log);
                builder.Services.AddRpcNet().AddCluster();
            },
            new RpcTestHostOptions { Settings = { ["RpcNet:Cluster:Tags:zone"] = "a", ["RpcNet:Cluster:Tags:gone"] = "soon" } },
            TestContext.Current.CancellationToken);
        var membership = host.Services.GetRequiredService<IClusterMembership>();
        await membership.SetTagAsync("own", "kept", TestContext.Current.CancellationToken);

        root["RpcNet:Cluster:Tags:zone"] = "b";
        root["RpcNet:Cluster:Tags:gone"] = null;
        root["RpcNet:Server:DrainTimeout"] = "00:00:03";
        root.Reload();

        await Eventually.TrueAsync(() => membership.Local.GetTag("zone") == "b", "the tag is published");
        await Eventually.TrueAsync(() => membership.Local.GetTag("gone") is null, "the tag is withdrawn");
        Assert.Equal("kept", membership.Local.GetTag("own"));
        await Eventually.TrueAsync(() => log.Has(2026), "what needs a restart is named");
        Assert.Contains("Server:DrainTimeout", log.Entries.Single(e => e.Id.Id == 2026).Text);
    }
}
