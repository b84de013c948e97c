using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Xml.Linq;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RpcNet.Testing.Tests.Support;

namespace RpcNet.Testing.Tests.Templates;

/// <summary>The templates' code, in memory, and what their files say.</summary>
public sealed class TemplatesTests
{
    private static readonly string Root = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", "..", ".."));

    public static TheoryData<string> Names => ["rpcnet-service", "rpcnet-cluster"];

    [Fact]
    public async Task Service_Called_Greets()
    {
        await using var host = await RpcTestHost.StartAsync(static builder =>
        {
            builder.Services.AddSingleton<RpcNetService1.GreetingCounter>();
            builder.Services.AddRpcNet(builder.Configuration.GetSection("RpcNet")).AddService<RpcNetService1.IGreeter, RpcNetService1.Greeter>();
        });
        var greeter = host.CreateClient<RpcNetService1.IGreeter>();
        Assert.Equal(new RpcNetService1.Greeting("Hello you", 0), await greeter.GreetAsync("you"));
        Assert.Equal(1, (await greeter.GreetAsync("me")).Before);
    }

    [Fact]
    public async Task Cluster_AWorkerIsKilled_TheClientGoesOn()
    {
        var log = new LogLines();
        await using var cluster = new RpcTestCluster();
        var director = cluster.Add("director", Role("director", log));
        cluster.Add("worker-1", Role("worker", log));
        cluster.Add("worker-2", Role("worker", log));
        cluster.Add("client", Role("client", log), new RpcTestNodeOptions { Settings = { ["RpcNet:Director"] = director.Address.ToString() } });
        await cluster.StartAsync();
        await cluster.AdvanceUntilAsync(() => log.Has("says worker-1") && log.Has("says worker-2"), TimeSpan.FromSeconds(30));
        await cluster.KillAsync("worker-2");
        var before = log.Count("says worker-1");
        await cluster.AdvanceUntilAsync(() => log.Count("says worker-1") > before + 5, TimeSpan.FromSeconds(30));
        Assert.False(log.Has("² failed"));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Template_ItsFiles_FitTheRepository(string name)
    {
        var folder = Path.Combine(Root, "templates", "content", name);
        using var template = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, ".template.config", "template.json")));
        Assert.Equal(name, template.RootElement.GetProperty("shortName").GetString());
        var source = template.RootElement.GetProperty("sourceName").GetString();
        var project = XDocument.Load(Path.Combine(folder, $"{source}.csproj"));
        var packages = project.Descendants("PackageReference").ToDictionary(static e => e.Attribute("Include")!.Value, static e => e.Attribute("Version")!.Value);
        Assert.Equal("RPCNET_VERSION", packages["RpcNet.Hosting"]);
        Assert.Equal(
            XDocument.Load(Path.Combine(Root, "Directory.Build.props")).Descendants("VersionPrefix").Single().Value,
            template.RootElement.GetProperty("symbols").GetProperty("RpcNetVersion").GetProperty("defaultValue").GetString());
        Assert.Equal(
            XDocument.Load(Path.Combine(Root, "Directory.Packages.props")).Descendants("PackageVersion")
                .Single(static e => e.Attribute("Include")!.Value == "Microsoft.Extensions.Hosting").Attribute("Version")!.Value,
            packages["Microsoft.Extensions.Hosting"]);
    }

    /// <summary>Both generated, built and run from packages: minutes.</summary>
    [Fact]
    public async Task Templates_Generated_BuildAndRun()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("RPCNET_TESTS") == "all", "Packs and builds for minutes: RPCNET_TESTS=all.");
        using var check = Process.Start(new ProcessStartInfo("bash", [Path.Combine(Root, "eng", "check-templates.sh")])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var output = check.StandardOutput.ReadToEndAsync();
        var errors = check.StandardError.ReadToEndAsync();
        await check.WaitForExitAsync();
        Assert.True(check.ExitCode == 0, await output + await errors);
    }

    private static Action<HostApplicationBuilder> Role(string role, LogLines log) => builder =>
    {
        builder.Configuration["role"] = role;
        builder.Configuration["RpcNet:Cluster:Tags:label"] = builder.Environment.ApplicationName;
        builder.Logging.AddProvider(log);
        RpcNetCluster1.Roles.Configure(builder);
    };

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
