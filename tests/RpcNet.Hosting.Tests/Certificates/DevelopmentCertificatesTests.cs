using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Time.Testing;
using RpcNet.Hosting.Certificates;
using RpcNet.Hosting.Tests.Support;
using RpcNet.Transports;

namespace RpcNet.Hosting.Tests.Certificates;

public sealed class DevelopmentCertificatesTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly LogCollector _log = new();

    private string Directory => _folder.File("certs");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task FirstRun_MakesOneForThisMachineThatServersAndClientsAccept()
    {
        var made = Make();
        await made.EnsureAsync(TestContext.Current.CancellationToken);
        using var leaf = X509Certificate2.CreateFromPemFile(made.CertificatePath, made.KeyPath);
        var trust = CertificateValidators.CustomTrust(() => [X509CertificateLoader.LoadCertificateFromFile(made.AuthorityPath)]);
        foreach (var name in new[] { "localhost", "127.0.0.1", "::1", null })
        {
            Assert.Null(trust(new PeerCertificateContext(leaf, [], name, RemoteEndPoint: null)));
        }

        Assert.NotNull(trust(new PeerCertificateContext(leaf, [], "example.test", RemoteEndPoint: null)));
        Assert.True(_log.Has(2010));
    }

    [Fact]
    public async Task Keys_AreReadableByTheirOwnerAlone()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no file modes.");
        var made = Make();
        await made.EnsureAsync(TestContext.Current.CancellationToken);
        var keys = System.IO.Directory.GetFiles(Directory, "*key.pem");
        Assert.Equal(2, keys.Length);
        Assert.All(keys, static key => Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite, OperatingSystem.IsWindows() ? default : File.GetUnixFileMode(key)));
    }

    [Fact]
    public async Task ManyProcessesAtOnce_ShareWhatOneOfThemMade()
    {
        var runs = Enumerable.Range(0, 16).Select(_ => Task.Run(async () =>
        {
            var made = Make();
            await made.EnsureAsync(CancellationToken.None);
            return (Certificate: await File.ReadAllTextAsync(made.CertificatePath), Key: await File.ReadAllTextAsync(made.KeyPath));
        }));
        var seen = await Task.WhenAll(runs);
        Assert.Single(seen.Distinct());
        Assert.Single(_log.Entries, static e => e.Id.Id == 2010);
        Assert.Empty(System.IO.Directory.GetFiles(Directory, "*.tmp"));
    }

    [Fact]
    public async Task SecondRun_KeepsThem()
    {
        await Make().EnsureAsync(TestContext.Current.CancellationToken);
        var before = await File.ReadAllTextAsync(Make().CertificatePath, TestContext.Current.CancellationToken);
        await Make().EnsureAsync(TestContext.Current.CancellationToken);
        Assert.Equal(before, await File.ReadAllTextAsync(Make().CertificatePath, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Expired_IsRenewedByTheSameAuthority()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        var longAgo = new FakeTimeProvider(TimeProvider.System.GetUtcNow() - TimeSpan.FromDays(366));
        var made = Make(longAgo);
        await made.EnsureAsync(cancellationToken);
        var (certificate, authority) = (await File.ReadAllTextAsync(made.CertificatePath, cancellationToken), await File.ReadAllTextAsync(made.AuthorityPath, cancellationToken));

        await Make().EnsureAsync(cancellationToken);
        Assert.NotEqual(certificate, await File.ReadAllTextAsync(made.CertificatePath, cancellationToken));
        Assert.Equal(authority, await File.ReadAllTextAsync(made.AuthorityPath, cancellationToken));
    }

    [Theory]
    [InlineData("dev-key.pem")]
    [InlineData("dev-cert.pem")]
    [InlineData("dev-ca.pem")]
    public async Task Damaged_IsMadeAnew(string file)
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        var made = Make();
        await made.EnsureAsync(cancellationToken);
        await File.WriteAllTextAsync(Path.Combine(Directory, file), "half a fi", cancellationToken);
        await Make().EnsureAsync(cancellationToken);
        using var leaf = X509Certificate2.CreateFromPemFile(made.CertificatePath, made.KeyPath);
        var trust = CertificateValidators.CustomTrust(() => [X509CertificateLoader.LoadCertificateFromFile(made.AuthorityPath)]);
        Assert.Null(trust(new PeerCertificateContext(leaf, [], "localhost", RemoteEndPoint: null)));
    }

    private DevelopmentCertificates Make(TimeProvider? time = null) => new(Directory, time ?? TimeProvider.System, _log);
}
