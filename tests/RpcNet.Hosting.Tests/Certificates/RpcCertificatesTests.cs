using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Time.Testing;
using RpcNet.Hosting.Certificates;
using RpcNet.Hosting.Configuration;
using RpcNet.Hosting.Tests.Support;
using RpcNet.Testing;
using RpcNet.Transports;

namespace RpcNet.Hosting.Tests.Certificates;

public sealed class RpcCertificatesTests : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly LogCollector _log = new();
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly RpcNetOptions _options = new();
    private readonly Dictionary<string, RpcClientOptions> _clients = [];
    private RpcCertificates? _certificates;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        if (_certificates is not null)
        {
            await _certificates.DisposeAsync();
        }

        _folder.Dispose();
    }

    [Fact]
    public async Task Production_NothingConfigured_NamesTheKeysAndMakesNothing()
    {
        var e = await Assert.ThrowsAsync<RpcNetStartupException>(() => LoadAsync(member: true));
        Assert.Equal(2, e.Problems.Count);
        Assert.Contains("RpcNet:Certificates:Path", e.Problems[0]);
        Assert.Contains("RpcNet:Certificates:PfxPath", e.Problems[0]);
        Assert.Contains("RpcNet:Certificates:Cluster:TrustedCaPath", e.Problems[1]);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public async Task Production_ClientAlone_NeedsNothing()
    {
        var certificates = await LoadAsync(serves: false);
        Assert.Null(certificates.ClientIdentity);
    }

    [Fact]
    public async Task Development_NothingConfigured_MakesAndUsesThem()
    {
        var certificates = await LoadAsync(member: true, environment: "Development");
        Assert.NotNull(certificates.GetServerIdentity(null));
        Assert.NotNull(certificates.ClusterIdentity);
        Assert.Null(certificates.ValidateMember(new PeerCertificateContext(certificates.ClusterIdentity.Certificate, [], null, null)));
    }

    [Fact]
    public async Task Production_DevelopmentCertificateNamedByPath_IsRefused()
    {
        var made = new DevelopmentCertificates(_folder.Path, _time, _log);
        await made.EnsureAsync(Token);
        (_options.Certificates.Path, _options.Certificates.KeyPath) = (made.CertificatePath, made.KeyPath);
        Assert.Contains("development certificate", (await Assert.ThrowsAsync<RpcNetStartupException>(() => LoadAsync())).Message);
    }

    [Fact]
    public async Task Pem_Good_IsUsedForServersClientsAndMembers()
    {
        UsePem(PemFiles.Both);
        PemFiles.WriteAuthority(_folder.File("ca.pem"));
        _options.Certificates.TrustedCaPath = "ca.pem";
        var certificates = await LoadAsync(member: true);
        Assert.Equal("CN=both", certificates.GetServerIdentity("any")!.Certificate.Subject);
        Assert.Equal("CN=both", certificates.ClientIdentity!.Certificate.Subject);
        Assert.Equal("CN=both", certificates.ClusterIdentity!.Certificate.Subject);
        var client = TestCertificates.Shared.Client.Certificate;
        Assert.Null(certificates.ValidateClient!(new PeerCertificateContext(client, [], null, null)));
        var stranger = TestCertificates.Shared.UntrustedClient.Certificate;
        Assert.NotNull(certificates.ValidateClient!(new PeerCertificateContext(stranger, [], null, null)));
        Assert.NotNull(certificates.ValidateMember(new PeerCertificateContext(stranger, [], null, null)));
    }

    [Fact]
    public async Task Names_PickByServerName()
    {
        UsePem(PemFiles.Both);
        PemFiles.WriteCertificate(_folder.File("other.pem"), TestCertificates.Shared.OtherServer);
        PemFiles.WriteKey(_folder.File("other.key"), TestCertificates.Shared.OtherServer);
        _options.Certificates.Names["other.test"] = new RpcNetIdentityOptions { Path = "other.pem", KeyPath = "other.key" };
        var certificates = await LoadAsync();
        Assert.Equal("CN=other.test", certificates.GetServerIdentity("OTHER.test")!.Certificate.Subject);
        Assert.Equal("CN=both", certificates.GetServerIdentity("else.test")!.Certificate.Subject);
        Assert.Equal("CN=both", certificates.GetServerIdentity(null)!.Certificate.Subject);
    }

    [Fact]
    public async Task Pfx_Good_IsUsed()
    {
        await File.WriteAllBytesAsync(_folder.File("id.pfx"), PemFiles.Both.Certificate.Export(X509ContentType.Pkcs12, "pw"), Token);
        (_options.Certificates.PfxPath, _options.Certificates.Password) = ("id.pfx", "pw");
        Assert.Equal("CN=both", (await LoadAsync()).GetServerIdentity(null)!.Certificate.Subject);
    }

    [Fact]
    public async Task Pem_EncryptedKey_IsReadWithItsPassword()
    {
        UsePem(PemFiles.Both);
        PemFiles.WriteKey(_folder.File("key.pem"), PemFiles.Both, "pw");
        _options.Certificates.Password = "pw";
        Assert.Equal("CN=both", (await LoadAsync()).GetServerIdentity(null)!.Certificate.Subject);
    }

    [Fact]
    public async Task Files_Unusable_AreEachNamedWithTheRemedy()
    {
        UsePem(PemFiles.Both);
        await ProblemAsync("RpcNet:Certificates:Path = 'no.pem': there is no file", c => c.Path = "no.pem");
        await ProblemAsync("RpcNet:Certificates:KeyPath = 'no.pem': there is no file", c => c.KeyPath = "no.pem");
        PemFiles.WriteKey(_folder.File("wrong.key"), TestCertificates.Shared.Server);
        await ProblemAsync("RpcNet:Certificates:KeyPath = 'wrong.key': the private key does not belong to the certificate RpcNet:Certificates:Path = 'cert.pem'", c => c.KeyPath = "wrong.key");
        await ProblemAsync("RpcNet:Certificates:KeyPath = 'cert.pem': the file holds no private key", c => c.KeyPath = "cert.pem");
        await ProblemAsync("RpcNet:Certificates:Path = 'cert.pem': the file holds no private key; set RpcNet:Certificates:KeyPath", c => c.KeyPath = null);
        await File.WriteAllTextAsync(_folder.File("junk.pem"), "junk", Token);
        await ProblemAsync("RpcNet:Certificates:Path = 'junk.pem': the file holds no PEM certificate", c => c.Path = "junk.pem");
        await ProblemAsync("RpcNet:Certificates:PfxPath = 'junk.pem': the file is no PKCS #12 file, or RpcNet:Certificates:Password is wrong", c => (c.Path, c.KeyPath, c.PfxPath) = (null, null, "junk.pem"));
        await ProblemAsync("RpcNet:Certificates:TrustedCaPath = 'junk.pem': the file holds no PEM certificate", c => c.TrustedCaPath = "junk.pem");
        await ProblemAsync("RpcNet:Certificates:Path = '.': ", c => c.Path = ".");
        PemFiles.WriteCertificate(_folder.File("expired.pem"), TestCertificates.Shared.ExpiredServer);
        PemFiles.WriteKey(_folder.File("expired.key"), TestCertificates.Shared.ExpiredServer);
        await ProblemAsync("RpcNet:Certificates:Path = 'expired.pem': the certificate 'CN=localhost' expired on 2001", c => (c.Path, c.KeyPath) = ("expired.pem", "expired.key"));
    }

    [Fact]
    public async Task Member_CertificateWithoutClientUsage_IsRefused()
    {
        UsePem(TestCertificates.Shared.Server);
        PemFiles.WriteAuthority(_folder.File("ca.pem"));
        _options.Certificates.TrustedCaPath = "ca.pem";
        Assert.Contains("lacks the client authentication usage", (await Assert.ThrowsAsync<RpcNetStartupException>(() => LoadAsync(member: true))).Message);
    }

    [Fact]
    public async Task Member_Anonymous_IsWarnedOf()
    {
        UsePem(TestCertificates.Shared.Server);
        _options.Certificates.Cluster.AllowAnonymous = true;
        await LoadAsync(member: true);
        Assert.True(_log.Has(2020));
    }

    [Fact]
    public async Task Files_Changed_AreUsedWithinFiveSeconds()
    {
        UsePem(PemFiles.Both);
        var certificates = await LoadAsync();
        UsePem(TestCertificates.Shared.Server);
        await AdvanceUntilAsync(() => certificates.GetServerIdentity(null)!.Certificate.Subject == "CN=localhost", TimeSpan.FromSeconds(5));
        Assert.True(_log.Has(2011));
    }

    [Fact]
    public async Task Files_ChangedForTheWorse_LeaveTheOldOnesInForce()
    {
        UsePem(PemFiles.Both);
        var certificates = await LoadAsync();
        await File.WriteAllTextAsync(_folder.File("cert.pem"), "half a fi", Token);
        await AdvanceUntilAsync(() => _log.Has(2012), TimeSpan.FromSeconds(5));
        Assert.Equal("CN=both", certificates.GetServerIdentity(null)!.Certificate.Subject);
        UsePem(TestCertificates.Shared.Server);
        await AdvanceUntilAsync(() => certificates.GetServerIdentity(null)!.Certificate.Subject == "CN=localhost", TimeSpan.FromSeconds(5));
    }

    [Fact]
    public async Task Certificate_ExpiringSoon_IsWarnedOf()
    {
        UsePem(PemFiles.Both);
        _time.SetUtcNow(new DateTimeOffset(2048, 12, 25, 0, 0, 0, TimeSpan.Zero));
        await LoadAsync();
        Assert.True(_log.Has(2013));
    }

    [Fact]
    public async Task Callback_IsAskedAtTheStartAndAgain()
    {
        var given = PemFiles.Both;
        _options.Certificates.UseCallback(_ => new(given));
        var certificates = await LoadAsync();
        Assert.Equal("CN=both", certificates.GetServerIdentity(null)!.Certificate.Subject);
        given = TestCertificates.Shared.Server;
        await AdvanceUntilAsync(() => certificates.GetServerIdentity(null)!.Certificate.Subject == "CN=localhost", TimeSpan.FromSeconds(5));
        _options.Certificates.UseCallback(_ => throw new InvalidOperationException("the vault is sealed"));
        await AdvanceUntilAsync(() => _log.Has(2012), TimeSpan.FromSeconds(5));
        Assert.Equal("CN=localhost", certificates.GetServerIdentity(null)!.Certificate.Subject);
    }

    [Fact]
    public async Task Callback_Fails_IsAProblem()
    {
        _options.Certificates.UseCallback(_ => throw new InvalidOperationException("the vault is sealed"));
        _options.Certificates.Client.UseCallback(_ => new(TestCertificates.Shared.ExpiredClient));
        var e = await Assert.ThrowsAsync<RpcNetStartupException>(() => LoadAsync());
        Assert.Equal("RpcNet:Certificates: the callback given to UseCallback failed (the vault is sealed); see to its source.", e.Problems[0]);
        Assert.StartsWith("RpcNet:Certificates:Client (UseCallback): the certificate 'CN=client' expired on", e.Problems[1]);
    }

    [Fact]
    public async Task Store_ByThumbprintOrSubject_IsUsedAndARenewedOneIsFound()
    {
        var name = $"rpcnet-test-{Guid.NewGuid():N}";
        using var store = new X509Store(name, StoreLocation.CurrentUser);
        store.Open(OpenFlags.ReadWrite);
        try
        {
            var older = TestCertificates.Shared.OtherServer.Certificate;
            store.Add(PemFiles.Both.Certificate);
            store.Add(older);
            _options.Certificates.Store.Name = _options.Certificates.Client.Store.Name = name;
            _options.Certificates.Store.Subject = "localhost";
            _options.Certificates.Client.Store.Thumbprint = PemFiles.Both.Certificate.Thumbprint;
            var missing = await Assert.ThrowsAsync<RpcNetStartupException>(() => LoadAsync());
            Assert.Equal(
                $"RpcNet:Certificates:Store:Subject = 'localhost': the store CurrentUser/{name} has no such certificate; import it there, or correct the setting.",
                missing.Message);

            _options.Certificates.Store.Subject = "CN=other.test";
            await _certificates!.DisposeAsync();
            var certificates = await LoadAsync();
            Assert.Equal(older.Thumbprint, certificates.GetServerIdentity(null)!.Certificate.Thumbprint);
            Assert.Equal("CN=both", certificates.ClientIdentity!.Certificate.Subject);
            Assert.NotNull(certificates.GetServerIdentity(null)!.Certificate.GetECDsaPrivateKey());

            store.Remove(older);
            using var renewed = PemFiles.Renewed("other.test");
            store.Add(renewed);
            await AdvanceUntilAsync(() => certificates.GetServerIdentity(null)!.Certificate.Thumbprint == renewed.Thumbprint, TimeSpan.FromSeconds(5));
        }
        finally
        {
            store.RemoveRange(store.Certificates);
        }
    }

    [Fact]
    public async Task Store_ThatCannotBeOpened_IsAProblem()
    {
        _options.Certificates.Store.Subject = "x";
        _options.Certificates.Store.Name = "there-is-no-such-store";
        Assert.Contains("RpcNet:Certificates:Store:Subject = 'x': the store CurrentUser/there-is-no-such-store cannot be opened", (await Assert.ThrowsAsync<RpcNetStartupException>(() => LoadAsync())).Message);
    }

    [Fact]
    public async Task Server_Named_HasItsOwnIdentityAndAuthorityOrTheProcesss()
    {
        UsePem(PemFiles.Both);
        PemFiles.WriteAuthority(_folder.File("ca.pem"));
        PemFiles.WriteCertificate(_folder.File("other.pem"), TestCertificates.Shared.OtherServer);
        PemFiles.WriteKey(_folder.File("other.key"), TestCertificates.Shared.OtherServer);
        _options.Servers["internal"] = new RpcNetNamedServerOptions { Certificates = { Path = "other.pem", KeyPath = "other.key", TrustedCaPath = "ca.pem" } };
        _options.Servers["plain"] = new RpcNetNamedServerOptions();
        IRpcCertificates certificates = await LoadAsync();
        Assert.Equal("CN=other.test", certificates.GetServerIdentity(null, "internal")!.Certificate.Subject);
        Assert.Equal("CN=both", certificates.GetServerIdentity(null, "plain")!.Certificate.Subject);
        Assert.Null(certificates.GetClientValidator("plain"));
        var validate = certificates.GetClientValidator("internal")!;
        Assert.Null(validate(new PeerCertificateContext(TestCertificates.Shared.Client.Certificate, [], null, null)));
        Assert.NotNull(validate(new PeerCertificateContext(TestCertificates.Shared.UntrustedClient.Certificate, [], null, null)));
    }

    [Fact]
    public async Task Client_HasItsOwnIdentityAndAuthority()
    {
        UsePem(PemFiles.Both);
        PemFiles.WriteAuthority(_folder.File("ca.pem"));
        PemFiles.WriteCertificate(_folder.File("client.pem"), TestCertificates.Shared.Client);
        PemFiles.WriteKey(_folder.File("client.key"), TestCertificates.Shared.Client);
        _clients["special"] = new RpcClientOptions { Address = "a:1", Certificate = { Path = "client.pem", KeyPath = "client.key", TrustedCaPath = "ca.pem" } };
        IRpcCertificates certificates = await LoadAsync();
        Assert.Equal("CN=client", certificates.GetClientIdentity("special")!.Certificate.Subject);
        Assert.Equal("CN=both", certificates.GetClientIdentity("other")!.Certificate.Subject);
        var server = new PeerCertificateContext(TestCertificates.Shared.Server.Certificate, [], "localhost", null);
        Assert.Null(certificates.GetServerValidator("special")(server));
        Assert.NotNull(certificates.GetServerValidator("other")(server));
    }

    /// <summary>Moves the clock on until the condition holds, at most by the limit; the reload runs on the pool.</summary>
    private async Task AdvanceUntilAsync(Func<bool> condition, TimeSpan limit)
    {
        var step = _options.Certificates.ReloadInterval;
        for (var passed = TimeSpan.Zero; passed + step <= limit && !condition(); passed += step)
        {
            _time.Advance(step);
            using var wait = new CancellationTokenSource(TimeSpan.FromSeconds(5));
            while (!condition() && !wait.IsCancellationRequested)
            {
                await Task.Delay(5, CancellationToken.None);
            }
        }

        Assert.True(condition());
    }

    private void UsePem(TlsIdentity identity)
    {
        PemFiles.WriteKey(_folder.File("key.pem"), identity);
        PemFiles.WriteCertificate(_folder.File("cert.pem"), identity);
        (_options.Certificates.Path, _options.Certificates.KeyPath) = ("cert.pem", "key.pem");
    }

    private async Task ProblemAsync(string expected, Action<RpcNetCertificateOptions> spoil)
    {
        var options = new RpcNetOptions { Certificates = { Path = "cert.pem", KeyPath = "key.pem" } };
        spoil(options.Certificates);
        await using var certificates = Make(options, "Production");
        var e = await Assert.ThrowsAsync<RpcNetStartupException>(() => certificates.LoadAsync(serves: true, member: false, Token).AsTask());
        Assert.StartsWith(expected, Assert.Single(e.Problems));
    }

    private async Task<RpcCertificates> LoadAsync(bool serves = true, bool member = false, string environment = "Production")
    {
        _certificates = Make(_options, environment);
        await _certificates.LoadAsync(serves, member, Token);
        return _certificates;
    }

    private RpcCertificates Make(RpcNetOptions options, string environment) => new(
        new RpcNetSettings(() => options, name => _clients[name], RegistrationOf(_clients.Keys)),
        new HostingEnvironment { EnvironmentName = environment, ContentRootPath = _folder.Path, ApplicationName = "test" },
        _time,
        _log);

    private static RpcNetRegistration RegistrationOf(IEnumerable<string> clients)
    {
        var registration = new RpcNetRegistration();
        registration.Clients.AddRange(clients.Select(static c => new ClientRegistration(c, typeof(IGreeter))));
        return registration;
    }
}
