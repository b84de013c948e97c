using System.Net;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RpcNet.Client;
using RpcNet.Hosting.Tests.Support;
using RpcNet.Testing;
using RpcNet.Transports;
using RpcNet.Transports.Ngtcp2;

namespace RpcNet.Hosting.Tests.Hosts;

/// <summary>A server's certificate is replaced under load, over real QUIC: no call fails, and new connections see the new one.</summary>
public sealed class CertificateRotationTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly LogCollector _log = new();

    public void Dispose() => _folder.Dispose();

    [Theory(Timeout = 120_000)]
    [InlineData("Ngtcp2")]
    [InlineData("SystemNetQuic")]
    public async Task Certificate_ReplacedWhileCallsRun_DropsNoneAndIsSeenByNewConnections(string engine)
    {
        Assert.SkipUnless(engine == "Ngtcp2" ? Ngtcp2Transport.IsSupported : SystemNetQuicTransport.IsSupported, $"{engine} cannot be loaded on this machine.");
        Use(PemFiles.Both);
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { EnvironmentName = "Production", ContentRootPath = _folder.Path });
        builder.Logging.AddProvider(_log);
        builder.Configuration.AddInMemoryCollection(
        [
            new("RpcNet:Listen:Address", "127.0.0.1:0"),
            new("RpcNet:Transport:Engine", engine),
            new("RpcNet:Certificates:Path", "cert.pem"),
            new("RpcNet:Certificates:KeyPath", "key.pem"),
            new("RpcNet:Certificates:ReloadInterval", "00:00:00.5"),
        ]);
        builder.Services.AddScoped<CallScope>();
        builder.Services.AddRpcNet().AddService<IGreeter, Greeter>();
        using var host = builder.Build();
        await host.StartAsync(TestContext.Current.CancellationToken);
        var transport = host.Services.GetRequiredService<ITransport>();
        var endPoint = host.Services.GetRequiredService<IRpcNetEndpoint>().LocalEndPoint!;
        await using var connected = Connect(transport, endPoint, []);
        var seenBefore = new List<string>();
        await using (var before = Connect(transport, endPoint, seenBefore))
        {
            await GreetAsync(before);
        }

        using var enough = new CancellationTokenSource();
        var greetings = 0;
        var running = Task.Run(
            async () =>
            {
                while (!enough.IsCancellationRequested)
                {
                    await GreetAsync(connected);
                    Interlocked.Increment(ref greetings);
                }
            },
            TestContext.Current.CancellationToken);
        await using var stream = connected.CreateClient<IGreeter>().CountAsync(int.MaxValue, TestContext.Current.CancellationToken).GetAsyncEnumerator(TestContext.Current.CancellationToken);
        Assert.True(await stream.MoveNextAsync());

        var replacing = System.Diagnostics.Stopwatch.StartNew();
        Use(TestCertificates.Shared.Server);
        await Eventually.TrueAsync(() => _log.Has(2011), "the certificate is read again");
        Assert.InRange(replacing.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(5));
        var atReload = Volatile.Read(ref greetings);
        await Eventually.TrueAsync(() => running.IsCompleted || Volatile.Read(ref greetings) > atReload + 10, "calls go on on the old connection");
        var seenAfter = new List<string>();
        await using (var after = Connect(transport, endPoint, seenAfter))
        {
            await GreetAsync(after);
        }

        Assert.True(await stream.MoveNextAsync());
        await enough.CancelAsync();
        await running;
        Assert.Equal(["CN=both"], seenBefore);
        Assert.Equal(["CN=localhost"], seenAfter);
        await host.StopAsync(TestContext.Current.CancellationToken);
    }

    private static async Task GreetAsync(RpcChannel channel) =>
        Assert.Equal("Hello you", await channel.CreateClient<IGreeter>().GreetAsync("you", TestContext.Current.CancellationToken));

    private static RpcChannel Connect(ITransport transport, IPEndPoint endPoint, List<string> seen) => new(
        transport,
        new RpcChannelOptions
        {
            EndPoint = endPoint,
            Tls = new TlsClientOptions
            {
                TargetHost = "localhost",
                ValidateServer = context =>
                {
                    seen.Add(context.Certificate.Subject);
                    return TestCertificates.Shared.Trust(context);
                },
            },
        });

    private void Use(TlsIdentity identity)
    {
        PemFiles.WriteKey(_folder.File("key.pem"), identity);
        PemFiles.WriteCertificate(_folder.File("cert.pem"), identity);
    }
}
