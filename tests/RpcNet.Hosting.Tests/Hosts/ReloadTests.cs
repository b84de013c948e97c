using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RpcNet.Client;
using RpcNet.Cluster;
using RpcNet.Hosting.Certificates;
using RpcNet.Hosting.Tests.Support;
using RpcNet.Testing;
using RpcNet.Testing.InMemory;

namespace RpcNet.Hosting.Tests.Hosts;

public sealed class ReloadTests : IDisposable
{
    private readonly LogCollector _log = new();
    private readonly TempFolder _folder = new();
    private IConfigurationRoot _root = null!;

    public void Dispose() => _folder.Dispose();

    [Fact(Timeout = 60_000)]
    public async Task Configuration_Changed_PublishesTagsAndRefusesWhatNeedsARestart()
    {
        await using var host = await StartAsync(
            builder => builder.Services.AddRpcNet().AddCluster(), ("RpcNet:Cluster:Tags:zone", "a"), ("RpcNet:Cluster:Tags:gone", "soon"));
        var membership = host.Services.GetRequiredService<IClusterMembership>();
        await membership.SetTagAsync("own", "kept", TestContext.Current.CancellationToken);

        Change(("RpcNet:Cluster:Tags:zone", "b"), ("RpcNet:Cluster:Tags:gone", null), ("RpcNet:Server:DrainTimeout", "00:00:03"));

        await Eventually.TrueAsync(() => membership.Local.GetTag("zone") == "b", "the tag is published");
        await Eventually.TrueAsync(() => membership.Local.GetTag("gone") is null, "the tag is withdrawn");
        Assert.Equal("kept", membership.Local.GetTag("own"));
        await Eventually.TrueAsync(() => _log.Has(2026), "what needs a restart is refused");
        var refusal = _log.Entries.Single(e => e.Id.Id == 2026);
        Assert.Equal(LogLevel.Error, refusal.Level);
        Assert.Contains("Server:DrainTimeout", refusal.Text);
    }

    [Fact]
    public async Task Limits_Changed_HoldForNewConnectionsAndNewCalls()
    {
        await using var host = await StartAsync(
            builder => builder.Services.AddRpcNet().Map("a/echo", static (bytes, _) => new(bytes.ToArray())), ("RpcNet:Server:Limits:MessageBytes", "200000"));
        Assert.Equal(100_000, await EchoAsync(host.Channel, 100_000));

        Change(("RpcNet:Server:Limits:MessageBytes", "50000"), ("RpcNet:Server:Limits:Lanes", "3"));
        await Eventually.TrueAsync(() => _log.Has(2025) && _log.Has(2026), "the change is logged");
        Assert.Contains("Server:Limits:MessageBytes", _log.Entries.Single(e => e.Id.Id == 2025).Text);
        Assert.Contains("Server:Limits:Lanes", _log.Entries.Single(e => e.Id.Id == 2026).Text);

        // The open connection was told the old limit and keeps it.
        Assert.Equal(100_000, await EchoAsync(host.Channel, 100_000));
        await using var anew = Connect(host);
        Assert.Equal(40_000, await EchoAsync(anew, 40_000));
        await Assert.ThrowsAsync<RpcFaultException>(() => EchoAsync(anew, 100_000).AsTask());
    }

    [Fact(Timeout = 60_000)]
    public async Task MaxConcurrentCalls_Changed_HoldsAtOnce()
    {
        var greeter = new GatedGreeter();
        await using var host = await StartAsync(builder => builder.Services.AddRpcNet().AddService<IGreeter>(greeter));
        var running = host.CreateClient<IGreeter>().GreetAsync("you", TestContext.Current.CancellationToken).AsTask();
        await greeter.Entered.Task;
        Change(("RpcNet:Server:MaxConcurrentCalls", "1"));
        await Eventually.TrueAsync(() => _log.Has(2025), "the change is logged");
        var e = await Assert.ThrowsAsync<RpcFaultException>(() => host.CreateClient<IGreeter>().GreetAsync("me", TestContext.Current.CancellationToken).AsTask());
        Assert.Equal(RpcStatusCode.ResourceExhausted, e.Status);
        greeter.Gate.SetResult();
        await running;
    }

    [Fact]
    public async Task Configuration_ChangedForTheWorse_IsRefusedAsAWholeAndAppliedOnceItIsRight()
    {
        await using var host = await StartAsync(builder => builder.Services.AddRpcNet().AddCluster(), ("RpcNet:Cluster:Tags:zone", "a"));
        var membership = host.Services.GetRequiredService<IClusterMembership>();
        Change(("RpcNet:Cluster:Tags:zone", "b"), ("RpcNet:Server:MaxConcurrentCalls", "0"), ("RpcNet:Listen:Backlog", "many"));
        await Eventually.TrueAsync(() => _log.Entries.Count(e => e.Id.Id == 2024) == 2, "both mistakes are logged");
        Assert.All(_log.Entries.Where(e => e.Id.Id == 2024), e => Assert.Equal(LogLevel.Error, e.Level));
        Assert.Equal("a", membership.Local.GetTag("zone"));

        Change(("RpcNet:Server:MaxConcurrentCalls", null), ("RpcNet:Listen:Backlog", null));
        await Eventually.TrueAsync(() => membership.Local.GetTag("zone") == "b", "what was right all along is applied");
    }

    [Fact]
    public async Task LogDetail_Changed_HoldsAtOnce()
    {
        await using var host = await StartAsync(
            builder =>
            {
                builder.Logging.AddConfiguration(builder.Configuration.GetSection("Logging"));
                builder.Services.AddRpcNet();
            },
            ("Logging:LogLevel:RpcNet", "Warning"));
        var logger = host.Services.GetRequiredService<ILoggerFactory>().CreateLogger("RpcNet.Hosting");
        Assert.False(logger.IsEnabled(LogLevel.Debug));
        Change(("Logging:LogLevel:RpcNet", "Debug"));
        await Eventually.TrueAsync(() => logger.IsEnabled(LogLevel.Debug), "the level is in force");
    }

    [Fact(Timeout = 60_000)]
    public async Task CertificatePath_Changed_IsUsedAndABadOneIsNot()
    {
        PemFiles.WriteKey(_folder.File("a.key"), PemFiles.Both);
        PemFiles.WriteCertificate(_folder.File("a.pem"), PemFiles.Both);
        PemFiles.WriteKey(_folder.File("b.key"), TestCertificates.Shared.Server);
        PemFiles.WriteCertificate(_folder.File("b.pem"), TestCertificates.Shared.Server);
        await using var host = await RpcTestHost.StartAsync(
            builder =>
            {
                _root = builder.Configuration;
                builder.Logging.AddProvider(_log);
                builder.Services.AddRpcNet();
            },
            new RpcTestHostOptions
            {
                Settings = { ["RpcNet:Certificates:Path"] = _folder.File("a.pem"), ["RpcNet:Certificates:KeyPath"] = _folder.File("a.key") },
                ConfigureServices = static services => services.AddSingleton<IRpcCertificates, RpcCertificates>(),
            },
            TestContext.Current.CancellationToken);
        var certificates = host.Services.GetRequiredService<IRpcCertificates>();
        Assert.Equal("CN=both", certificates.GetServerIdentity(null)!.Certificate.Subject);
        Change(("RpcNet:Certificates:Path", _folder.File("b.pem")), ("RpcNet:Certificates:KeyPath", _folder.File("b.key")));
        await Eventually.TrueAsync(() => certificates.GetServerIdentity(null)!.Certificate.Subject == "CN=localhost", "the other file is used");
        Change(("RpcNet:Certificates:Path", _folder.File("none.pem")));
        await Eventually.TrueAsync(() => _log.Has(2012), "the missing file is logged");
        Assert.Equal("CN=localhost", certificates.GetServerIdentity(null)!.Certificate.Subject);
    }

    [Fact(Timeout = 60_000)]
    public async Task File_Changed_IsReadAgain()
    {
        var file = _folder.File("appsettings.json");
        Write("a");
        await using var host = await RpcTestHost.StartAsync(
            builder =>
            {
                builder.Configuration.AddJsonFile(file, optional: false, reloadOnChange: true);
                builder.Services.AddRpcNet().AddCluster();
            },
            cancellationToken: TestContext.Current.CancellationToken);
        var membership = host.Services.GetRequiredService<IClusterMembership>();
        Assert.Equal("a", membership.Local.GetTag("zone"));
        Write("b");
        await Eventually.TrueAsync(() => membership.Local.GetTag("zone") == "b", "the tag of the changed file is published");

        void Write(string zone) => File.WriteAllText(
            file, JsonSerializer.Serialize(new { RpcNet = new { Cluster = new { Tags = new { zone } } } }));
    }

    private static async ValueTask<int> EchoAsync(RpcChannel channel, int length)
    {
        var echo = new RpcUnaryMethod<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>>("a", "echo", RpcMarshaller.Raw, RpcMarshaller.Raw);
        return (await channel.InvokeUnaryAsync(echo, new byte[length], null, TestContext.Current.CancellationToken)).Length;
    }

    private static RpcChannel Connect(RpcTestHost host) => new(
        host.Network.CreateTransport("another-client"),
        new RpcChannelOptions
        {
            EndPoint = host.EndPoint!,
            Tls = new RpcNet.Transports.TlsClientOptions { TargetHost = "localhost", ValidateServer = TestCertificates.Shared.Trust },
        });

    private Task<RpcTestHost> StartAsync(Action<HostApplicationBuilder> configure, params (string Key, string Value)[] settings)
    {
        var options = new RpcTestHostOptions();
        foreach (var (key, value) in settings)
        {
            options.Settings[key] = value;
        }

        return RpcTestHost.StartAsync(
            builder =>
            {
                _root = builder.Configuration;
                builder.Logging.AddProvider(_log);
                configure(builder);
            },
            options,
            TestContext.Current.CancellationToken);
    }

    private void Change(params (string Key, string? Value)[] settings)
    {
        foreach (var (key, value) in settings)
        {
            _root[key] = value;
        }

        _root.Reload();
    }
}
