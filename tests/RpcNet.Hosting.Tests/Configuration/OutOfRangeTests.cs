using System.Globalization;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using RpcNet.Hosting.Configuration;
using RpcNet.Hosting.Tests.Documentation;
using RpcNet.Hosting.Tests.Support;

namespace RpcNet.Hosting.Tests.Configuration;

/// <summary>Every number and duration there is, beyond each end of its documented range: the host does not start and says why.</summary>
public sealed class OutOfRangeTests
{
    private static readonly OptionDocs Docs = new();

    public static TheoryData<string, string> Beyond
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var (key, option) in OptionsModel.Root.Keys("RpcNet", ("Clients", nameof(IGreeter)), ("Servers", "internal")).Where(static k => k.Model.IsNumber))
            {
                var (min, max) = Docs.Range(option.Property!)!.Value;
                data.Add(key, Below(option, min));
                if (Above(option, max) is { } above)
                {
                    data.Add(key, above);
                }
            }

            return data;
        }
    }

    [Fact]
    public void Options_AreManyEnoughToBelieveTheTheory() => Assert.InRange(Beyond.Count, 150, 1000);

    [Theory]
    [MemberData(nameof(Beyond))]
    public void Option_OutOfItsRange_IsNamedWithItsValue(string key, string value)
    {
        var problems = Problems((key, value));
        Assert.Contains(problems, p => p.StartsWith(key, StringComparison.Ordinal) && (p.Contains(value, StringComparison.Ordinal) || p.Contains(Plain(value), StringComparison.Ordinal)));
    }

    [Fact]
    public void Options_ManyWrong_AreAllNamedAtOnce()
    {
        // Bounds that another option sets move when that is wrong too, so each is expected with the lowest or with the highest values.
        var byKey = Beyond.Select(static row => row.Data).GroupBy(static r => r.Item1).ToList();
        var low = Problems([.. byKey.Select(static g => (g.Key, g.First().Item2))]);
        var high = Problems([.. byKey.Select(static g => (g.Key, g.Last().Item2))]);
        Assert.InRange(low.Count, byKey.Count - 10, 2 * byKey.Count);
        Assert.All(byKey, g => Assert.Contains(low.Concat(high), p => p.StartsWith(g.Key, StringComparison.Ordinal)));
    }

    private static IReadOnlyList<string> Problems(params (string Key, string Value)[] wrong)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        var settings = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase)
        {
            ["RpcNet:Listen:Address"] = "127.0.0.1:7500",
            ["RpcNet:Servers:internal:Listen:Address"] = "127.0.0.1:7501",
            [$"RpcNet:Clients:{nameof(IGreeter)}:Address"] = "127.0.0.1:7502",
        };
        foreach (var (key, value) in wrong)
        {
            settings[key] = value;
        }

        builder.Configuration.AddInMemoryCollection(settings);
        builder.Services.AddRpcNet().AddCluster();
        builder.Services.AddRpcNet("internal");
        builder.Services.AddRpcClient<IGreeter>();
        using var host = builder.Build();
        return Assert.Throws<RpcNetStartupException>(() => host.Services.GetRequiredService<RpcNetSettings>()).Problems;
    }

    private static string Below(OptionsModel option, double min) => option.Type switch
    {
        var t when t == typeof(TimeSpan) => Duration(min > 0 ? min / 2 : -1),
        var t when t == typeof(double) => Number(min > 0 ? min / 2 : -1),
        _ => Number(min - 1),
    };

    private static string? Above(OptionsModel option, double max) => option.Type switch
    {
        var t when t == typeof(TimeSpan) => Duration(max + 1),
        var t when t == typeof(double) => Number(max + 1),
        _ => max < int.MaxValue ? Number(max + 1) : null,
    };

    private static string Number(double value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Duration(double seconds) => TimeSpan.FromSeconds(seconds).ToString("c", CultureInfo.InvariantCulture);

    /// <summary>A duration as it is printed after it was read.</summary>
    private static string Plain(string value) => value.Contains(':', StringComparison.Ordinal)
        ? TimeSpan.Parse(value, CultureInfo.InvariantCulture).ToString("c", CultureInfo.InvariantCulture)
        : value;
}
