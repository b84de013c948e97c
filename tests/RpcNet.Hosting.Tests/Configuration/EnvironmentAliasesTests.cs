using Microsoft.Extensions.Configuration;

namespace RpcNet.Hosting.Tests.Configuration;

public sealed class EnvironmentAliasesTests
{
    private static readonly Dictionary<string, string?> Variables = new()
    {
        ["DIRECTOR_ADDR"] = "10.0.0.1:61000", ["WORKER_ADDR"] = "10.0.0.2:62001", ["WORKER_LABEL"] = "a",
    };

    [Theory]
    [InlineData("director", "RpcNet:Listen:Address=10.0.0.1:61000")]
    [InlineData("Worker", "RpcNet:Cluster:Seeds:0=10.0.0.1:61000 RpcNet:Cluster:Tags:label=a RpcNet:Listen:Address=10.0.0.2:62001")]
    [InlineData("CLIENT", "RpcNet:Director=10.0.0.1:61000")]
    public void Variables_Set_MapByRole(string role, string expected)
    {
        var configuration = new ConfigurationBuilder().AddRpcNetEnvironmentAliases(role, getVariable: Variables.GetValueOrDefault).Build();
        Assert.Equal(
            expected,
            string.Join(' ', configuration.AsEnumerable().Where(s => s.Value is not null).OrderBy(s => s.Key).Select(s => $"{s.Key}={s.Value}")));
    }

    [Fact]
    public void Variables_UnsetOrEmpty_LeaveEarlierSources()
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection([new("RpcNet:Listen:Address", "kept:1")])
            .AddRpcNetEnvironmentAliases("director", getVariable: _ => "")
            .Build();
        Assert.Equal("kept:1", configuration["RpcNet:Listen:Address"]);
    }

    [Fact]
    public void Role_Unknown_NamesTheThree() => Assert.Contains(
        "'manager' is unknown; it must be director, worker or client",
        Assert.Throws<ArgumentException>(() => new ConfigurationBuilder().AddRpcNetEnvironmentAliases("manager")).Message);
}
