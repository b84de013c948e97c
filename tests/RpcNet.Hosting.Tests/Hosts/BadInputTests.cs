using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RpcNet.Hosting.Tests.Support;
using RpcNet.Testing;
using RpcNet.Transports;
using RpcNet.Transports.Ngtcp2;

namespace RpcNet.Hosting.Tests.Hosts;

/// <summary>
/// With a wrong setting a production host with real sockets and files does not start, ends with code 1, and logs the key, its value and
/// what to do, without a stack trace. Numbers out of their ranges: <see cref="Configuration.OutOfRangeTests"/>.
/// </summary>
public sealed class BadInputTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly LogCollector _log = new();
    private readonly Socket _taken = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);

    public BadInputTests()
    {
        _taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        PemFiles.WriteCertificate(_folder.File("cert.pem"), PemFiles.Both);
        PemFiles.WriteKey(_folder.File("key.pem"), PemFiles.Both);
        PemFiles.WriteAuthority(_folder.File("ca.pem"));
        PemFiles.WriteKey(_folder.File("other.key"), TestCertificates.Shared.OtherServer);
        PemFiles.WriteKey(_folder.File("locked.key"), PemFiles.Both, "secret");
        File.WriteAllText(_folder.File("junk.pem"), "junk");
        PemFiles.WriteCertificate(_folder.File("expired.pem"), TestCertificates.Shared.ExpiredServer);
        PemFiles.WriteKey(_folder.File("expired.key"), TestCertificates.Shared.ExpiredServer);
    }

    public static TheoryData<string, string[]> Mistakes => new()
    {
        { "Listen:Address=nowhere", ["RpcNet:Listen:Address = 'nowhere'", "must be \"host:port\""] },
        { "Listen:Address=", ["RpcNet:Listen:Address = ''", "must be set"] },
        { "Listen:Address=127.0.0.1:70000", ["RpcNet:Listen:Address = '127.0.0.1:70000'", "must be \"host:port\""] },
        { "Listen:Address=no-such-host.invalid:61000", ["RpcNet:Listen:Address = 'no-such-host.invalid:61000'", "does not resolve", "correct it or use an address"] },
        { "Listen:Address=203.0.113.1:61000", ["RpcNet:Listen:Address = '203.0.113.1:61000'", "use one of its own"] },
        { "Listen:Address=127.0.0.1:{taken}", ["RpcNet:Listen:Address = '127.0.0.1:{taken}'", "the UDP port is in use", "choose another port"] },
        { "Listen:Address=0.0.0.0:0", ["RpcNet:Cluster:AdvertiseAddress = ''", "must be \"ip:port\""] },
        { "Transport:Engine=Carrier", ["RpcNet:Transport:Engine = 'Carrier'", "must be Auto, SystemNetQuic or Ngtcp2"] },
        { "Transport:KeepAliveInterval=00:00:05", ["RpcNet:Transport:KeepAliveInterval = '00:00:05'", "must be shorter than RpcNet:Transport:IdleTimeout"] },
        { "Transport:IdleTimeout=5", ["RpcNet:Transport:IdleTimeout = '5'", "hours:minutes:seconds"] },
        { "Transport:ConnectionReceiveWindow=20000", ["RpcNet:Transport:ConnectionReceiveWindow = '20000'", "at least RpcNet:Transport:StreamReceiveWindow"] },
        { "Listen:Address=127.0.0.1:{taken} Transport:StatelessResetKeyPath=junk.pem", ["RpcNet:Transport:StatelessResetKeyPath", "junk.pem", "delete it"] },
        { "Server:Limits:InlinePayloadBytes=1000000 Server:Limits:MessageBytes=2000", ["RpcNet:Server:Limits:InlinePayloadBytes = '1000000'", "must not exceed RpcNet:Server:Limits:MessageBytes"] },
        { "Sever:DrainTimeout=00:00:01", ["RpcNet:Sever is not a setting", "Did you mean RpcNet:Server?"] },
        { "Cluster:ProbeTimeout=00:00:02", ["RpcNet:Cluster:ProbeTimeout", "00:00:02", "must be shorter than RpcNet:Cluster:ProbeInterval"] },
        { "Cluster:MaxMessageBytes=600", ["RpcNet:Cluster:MaxMessageBytes", "600", "must be at least RpcNet:Cluster:MaxTagBytes + 512"] },
        { "Cluster:Seeds:0=nowhere", ["RpcNet:Cluster:Seeds", "nowhere"] },
        { "Cluster:Workers:Filter=role=", ["RpcNet:Cluster:Workers:Filter"] },
        { "Clients:IGreter:Address=a:1", ["RpcNet:Clients:IGreter", "it has IGreeter"] },
        { "Clients:IGreeter:Address=a", ["RpcNet:Clients:IGreeter:Address = 'a'", "must be \"host:port\""] },
        { "Clients:IGreeter:Director=b:2", ["RpcNet:Clients:IGreeter", "needs exactly one target and has 2"] },
        { "Certificates:Path=", ["RpcNet:Certificates:KeyPath = 'key.pem'", "needs RpcNet:Certificates:Path"] },
        { "Certificates:Path= Certificates:KeyPath=", ["RpcNet:Certificates:Path = ''", "Set RpcNet:Certificates:Path"] },
        { "Certificates:Path=none.pem", ["RpcNet:Certificates:Path = 'none.pem'", "there is no file", "correct the path"] },
        { "Certificates:Path=junk.pem", ["RpcNet:Certificates:Path = 'junk.pem'", "holds no PEM certificate"] },
        { "Certificates:KeyPath=other.key", ["RpcNet:Certificates:KeyPath = 'other.key'", "does not belong to the certificate"] },
        { "Certificates:KeyPath=locked.key", ["RpcNet:Certificates:KeyPath = 'locked.key'", "RpcNet:Certificates:Password"] },
        { "Certificates:KeyPath=locked.key Certificates:Password=wrong", ["RpcNet:Certificates:KeyPath = 'locked.key'", "RpcNet:Certificates:Password"] },
        { "Certificates:Path=expired.pem Certificates:KeyPath=expired.key", ["RpcNet:Certificates:Path = 'expired.pem'", "expired on", "put a valid one in its place"] },
        { "Certificates:PfxPath=id.pfx", ["RpcNet:Certificates:PfxPath = 'id.pfx'", "contradicts RpcNet:Certificates:Path"] },
        { "Certificates:Store:Subject=x", ["RpcNet:Certificates:Store:Subject = 'x'", "contradicts RpcNet:Certificates:Path"] },
        { "Certificates:TrustedCaPath=", ["RpcNet:Certificates:Cluster:TrustedCaPath = ''", "members of a cluster must know each other's authority"] },
        { "Certificates:TrustedCaPath=junk.pem", ["RpcNet:Certificates:TrustedCaPath = 'junk.pem'", "holds no PEM certificate"] },
        { "Certificates:Cluster:Path=none.pem", ["RpcNet:Certificates:Cluster:Path = 'none.pem'", "there is no file"] },
        { "Certificates:Names:a.test:KeyPath=key.pem", ["RpcNet:Certificates:Names:a.test:KeyPath", "needs RpcNet:Certificates:Names:a.test:Path"] },
        { "Servers:ops:Listen:Address=127.0.0.1:1", ["RpcNet:Servers:ops", "add it in code or take the section out"] },
    };

    public void Dispose()
    {
        _taken.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [MemberData(nameof(Mistakes))]
    public async Task Setting_Wrong_DoesNotStartAndSaysKeyValueAndRemedy(string settings, string[] expected)
    {
        var output = await RunAsync(settings);
        Assert.All(expected, text => Assert.Contains(Fill(text), output));
    }

    [Fact]
    public async Task Engine_ThatCannotLoadHere_IsNamedWithWhatToInstall()
    {
        var (engine, supported) = SystemNetQuicTransport.IsSupported ? ("Ngtcp2", Ngtcp2Transport.IsSupported) : ("SystemNetQuic", false);
        Assert.SkipWhen(supported, "Both engines load on this machine.");
        var output = await RunAsync($"Transport:Engine={engine}");
        Assert.Contains($"RpcNet:Transport:Engine = '{engine}': this QUIC engine cannot be loaded here.", output);
        Assert.Contains("nstall", output);
    }

    [Fact]
    public async Task Settings_SeveralWrong_AreAllNamedAtOnce()
    {
        var output = await RunAsync("Listen:Address=nowhere Transport:Engine=Carrier Sever:X=1 Certificates:PfxPath=b Cluster:GossipFanout=0 Clients:IGreeter:Connections=0");
        Assert.Contains("6 problems:", output);
        Assert.All(
            ["RpcNet:Listen:Address", "RpcNet:Transport:Engine", "RpcNet:Sever", "RpcNet:Certificates:PfxPath", "RpcNet:Cluster:GossipFanout", "RpcNet:Clients:IGreeter:Connections"],
            key => Assert.Contains($"- {key}", output));
    }

    [Fact]
    public async Task Certificates_SeveralWrong_AreAllNamedAtOnce()
    {
        var output = await RunAsync("Certificates:Path=none.pem Certificates:TrustedCaPath=junk.pem Certificates:Client:PfxPath=junk.pem");
        Assert.Contains("3 problems:", output);
    }

    private string Fill(string text) => text.Replace("{taken}", $"{((IPEndPoint)_taken.LocalEndPoint!).Port}", StringComparison.Ordinal);

    /// <summary>Runs a member with right settings but for those given; returns what it logged as an error.</summary>
    private async Task<string> RunAsync(string settings)
    {
        Assert.SkipUnless(SystemNetQuicTransport.IsSupported || Ngtcp2Transport.IsSupported, "No QUIC engine can be loaded on this machine.");
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { EnvironmentName = "Production", ContentRootPath = _folder.Path });
        builder.Logging.AddProvider(_log);
        builder.Configuration.AddInMemoryCollection(
        [
            new("RpcNet:Listen:Address", "127.0.0.1:0"),
            new("RpcNet:Certificates:Path", "cert.pem"),
            new("RpcNet:Certificates:KeyPath", "key.pem"),
            new("RpcNet:Certificates:TrustedCaPath", "ca.pem"),
            new("RpcNet:Clients:IGreeter:Address", "127.0.0.1:1"),
        ]);
        builder.Configuration.AddInMemoryCollection(Fill(settings).Split(' ')
            .Select(static setting => setting.Split('=', 2))
            .Select(static pair => KeyValuePair.Create($"RpcNet:{pair[0]}", (string?)pair[1])));
        builder.Services.AddRpcNet().AddCluster();
        builder.Services.AddRpcClient<IGreeter>();
        Assert.Equal(1, await RpcNetHost.RunAsync(builder.Build(), TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken));
        var errors = _log.Entries.Where(static e => e.Level >= LogLevel.Error).ToList();
        Assert.NotEmpty(errors);
        Assert.All(errors, static e => Assert.DoesNotContain("   at ", e.Text));
        return string.Join('\n', errors.Select(static e => e.Text)) + '\n' + string.Join('\n', _log.Exceptions);
    }
}
