using Microsoft.Extensions.Hosting.Internal;
using RpcNet.Hosting.Configuration;
using RpcNet.Hosting.Tests.Support;
using RpcNet.Hosting.Transports;

namespace RpcNet.Hosting.Tests.Transports;

public sealed class ResetKeyFileTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly LogCollector _log = new();
    private readonly RpcNetRegistration _registration = new() { HasServer = true };
    private readonly RpcNetOptions _options = new() { Listen = { Address = "127.0.0.1:61000" }, Certificates = { Path = "certs/cert.pem" } };

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Key_IsKeptBesideTheCertificate_AndIsTheSameAfterARestart()
    {
        var first = Load();
        Assert.Equal(32, first.Length);
        var file = _folder.File("certs/rpcnet-reset.key");
        Assert.Equal(32, File.ReadAllBytes(file).Length);
        Assert.NotEqual(File.ReadAllBytes(file), first);
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        }

        Assert.Equal(first, Load());
    }

    [Fact]
    public void Key_OfAnotherAddress_Differs()
    {
        var first = Load();
        _options.Listen.Address = "127.0.0.1:61001";
        Assert.NotEqual(first, Load());
    }

    [Fact]
    public void Key_MadeByManyAtOnce_IsOne()
    {
        var keys = new byte[16][];
        Parallel.For(0, keys.Length, i => keys[i] = Load());
        Assert.All(keys, k => Assert.Equal(keys[0], k));
        Assert.Equal(["rpcnet-reset.key"], Directory.GetFiles(_folder.File("certs")).Select(Path.GetFileName));
    }

    [Theory]
    [InlineData("127.0.0.1:0")]
    [InlineData("")]
    public void Key_WithoutALastingAddress_IsRandomAndNotKept(string address)
    {
        _options.Listen.Address = address;
        Assert.Empty(Load());
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void Key_OfAProcessThatOnlyCalls_IsNotItsServers()
    {
        _registration.HasServer = false;
        Assert.Empty(Load());
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void Key_ConfiguredPathUnusable_IsAProblem()
    {
        File.WriteAllText(_folder.File("short.key"), "short");
        _options.Transport.StatelessResetKeyPath = "short.key";
        var e = Assert.Throws<RpcNetStartupException>(() => Load());
        Assert.Contains("RpcNet:Transport:StatelessResetKeyPath", e.Message);
        Assert.Contains("must have 32", e.Message);
        File.WriteAllText(_folder.File("file"), "");
        _options.Transport.StatelessResetKeyPath = "file/reset.key";
        Assert.Contains("cannot be read or made", Assert.Throws<RpcNetStartupException>(() => Load()).Message);
    }

    [Fact]
    public void Key_NoPlaceBesideTheCertificate_IsLoggedAndRandom()
    {
        File.WriteAllText(_folder.File("certs"), "a file where the directory should be");
        Assert.Empty(Load());
        Assert.True(_log.Has(2014));
    }

    private byte[] Load() => new ResetKeyFile(
        new RpcNetSettings(() => _options, static _ => throw new NotSupportedException(), _registration),
        new HostingEnvironment { EnvironmentName = "Production", ContentRootPath = _folder.Path, ApplicationName = "test" },
        _log).Load().ToArray();
}
