using System.Net;
using System.Net.Sockets;

namespace RpcNet.EndToEnd.Tests;

/// <summary>Each mistake gives one message that names the setting, and a non-zero exit where it is fatal.</summary>
public sealed class BadInputTests
{
    [Fact]
    public async Task Role_Unknown_ExitsAndNamesTheRoles()
    {
        using var folder = new TempFolder();
        await using var process = SampleProcess.Start("manager", folder.Path);

        Assert.NotEqual(0, await process.ExitAsync());
        Assert.Contains("The role 'manager' is unknown", process.Output);
        Assert.Contains("--role director, --role worker or --role client", process.Output);
    }

    [Fact]
    public async Task Port_InUse_ExitsAndNamesTheSetting()
    {
        Engine.Require();
        using var folder = new TempFolder();
        using var taken = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var port = ((IPEndPoint)taken.LocalEndPoint!).Port;
        await using var process = SampleProcess.Start("director", folder.Path, ("DIRECTOR_ADDR", $"127.0.0.1:{port}"));

        Assert.NotEqual(0, await process.ExitAsync());
        Assert.Contains("RpcNet:Listen:Address", process.Output);
        Assert.Contains($"127.0.0.1:{port}", process.Output);
        AssertNoStackTrace(process);
    }

    [Theory]
    [InlineData("RpcNet__Transport__Engine", "Carrier", "RpcNet:Transport:Engine")]
    [InlineData("RpcNet__Cluster__ProbeInterval", "00:00:00", "RpcNet:Cluster:ProbeInterval")]
    [InlineData("RpcNet__Clustre__ClusterName", "x", "RpcNet:Cluster")]
    [InlineData("RpcNet__Certificates__Path", "/does/not/exist.pem", "/does/not/exist.pem")]
    [InlineData("DIRECTOR_ADDR", "nowhere", "nowhere")]
    public async Task Setting_Wrong_ExitsAndNamesIt(string name, string value, string expected)
    {
        using var folder = new TempFolder();
        await using var process = SampleProcess.Start(
            "director", folder.Path, ("DIRECTOR_ADDR", $"127.0.0.1:{Repository.FreePort()}"), (name, value));

        Assert.NotEqual(0, await process.ExitAsync());
        Assert.Contains(expected, process.Output);
        AssertNoStackTrace(process);
    }

    [Fact]
    public async Task Production_WithoutCertificates_RefusesToStart()
    {
        Engine.Require();
        using var folder = new TempFolder();
        await using var process = SampleProcess.Start(
            "director", folder.Path, ("DIRECTOR_ADDR", $"127.0.0.1:{Repository.FreePort()}"), ("DOTNET_ENVIRONMENT", "Production"));

        Assert.NotEqual(0, await process.ExitAsync());
        Assert.Contains("RpcNet:Certificates", process.Output);
        Assert.False(Directory.Exists(Path.Combine(folder.Path, "certs")), "Development certificates were made in Production.");
        AssertNoStackTrace(process);
    }

    [Fact]
    public async Task Client_DirectorUnreachable_SaysSoAndGoesOn()
    {
        Engine.Require();
        using var folder = new TempFolder();
        var address = $"127.0.0.1:{Repository.FreePort()}";
        await using var client = SampleProcess.Start("client", folder.Path, ("DIRECTOR_ADDR", address));

        await client.ExpectAsync($"Failed to get worker: Unavailable: Cannot connect to {address}");
        Assert.False(client.HasExited, client.Output);
        AssertNoStackTrace(client);
    }

    private static void AssertNoStackTrace(SampleProcess process) => Assert.DoesNotContain("   at ", process.Output);
}
