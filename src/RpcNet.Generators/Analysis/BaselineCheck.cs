using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Text;
using RpcNet.Generators.Baseline;
using RpcNet.Generators.Contracts;

namespace RpcNet.Generators.Analysis;

/// <summary>Compares contracts with the committed rpc.contract.json. What is new is no break; what callers rely on may not go.</summary>
internal sealed class BaselineCheck
{
    /// <summary>While this MSBuild property is true the file is being written anew and nothing is compared.</summary>
    public const string WriteProperty = "build_property.RpcNetWriteContract";

    private readonly AdditionalText _file;
    private readonly SourceText _text;
    private readonly ContractBaseline? _baseline;
    private readonly string? _error;

    private BaselineCheck(AdditionalText file, SourceText text)
    {
        _file = file;
        _text = text;
        try
        {
            _baseline = BaselineJson.Read(text.ToString());
        }
        catch (FormatException e)
        {
            _error = e.Message;
        }
    }

    /// <summary>Null when the project has no baseline or is writing it.</summary>
    public static BaselineCheck? Of(AnalyzerOptions options, CancellationToken cancellationToken)
    {
        var file = options.AdditionalFiles.FirstOrDefault(IsBaseline);
        return file?.GetText(cancellationToken) is { } text
            && !IsWriting(options.AnalyzerConfigOptionsProvider.GlobalOptions)
            ? new BaselineCheck(file, text)
            : null;
    }

    public static bool IsWriting(AnalyzerConfigOptions options) =>
        options.TryGetValue(WriteProperty, out var value) && value.Equals("true", StringComparison.OrdinalIgnoreCase);

    public static bool IsBaseline(AdditionalText file) =>
        Path.GetFileName(file.Path).Equals(ContractBaseline.FileName, StringComparison.OrdinalIgnoreCase);

    public void Check(ContractModel contract, INamedTypeSymbol symbol, Action<Diagnostic> report)
    {
        if (_baseline is null)
        {
            return;
        }

        var place = Symbols.LocationOf(symbol);
        if (!_baseline.Services.TryGetValue(contract.ServiceName, out var before))
        {
            report(Diagnostic.Create(Rules.BaselineOutdated, place, contract.ServiceName));
            return;
        }

        var now = ContractBaseline.Methods(contract);
        foreach (var old in before)
        {
            if (now.TryGetValue(old.Key, out var method))
            {
                Compare($"{contract.ServiceName}/{old.Key}", old.Value, method, place, report);
            }
            else
            {
                report(Diagnostic.Create(
                    Rules.BaselineMethodRemoved, place, $"{contract.ServiceName}/{old.Key}"));
            }
        }

        foreach (var method in now.Keys.Where(m => !before.ContainsKey(m)))
        {
            report(Diagnostic.Create(Rules.BaselineOutdated, place, $"{contract.ServiceName}/{method}"));
        }
    }

    public void CheckRemovedServices(IEnumerable<string> present, Action<Diagnostic> report)
    {
        if (_error is not null)
        {
            report(Diagnostic.Create(Rules.BaselineUnreadable, Place(""), _error));
            return;
        }

        foreach (var service in _baseline!.Services.Keys.Except(present, StringComparer.Ordinal))
        {
            report(Diagnostic.Create(Rules.BaselineServiceRemoved, Place($"\"{service}\""), service));
        }
    }

    private static void Compare(
        string name, BaselineMethod before, BaselineMethod now, Location place, Action<Diagnostic> report)
    {
        Report("kind", before.Kind, now.Kind);
        Report("arguments", List(before.Arguments), List(now.Arguments));
        Report("input stream", before.Input ?? "none", now.Input ?? "none");
        Report("result", before.Result ?? "none", now.Result ?? "none");

        void Report(string what, string from, string to)
        {
            if (from != to)
            {
                report(Diagnostic.Create(Rules.BaselineChanged, place, name, what, from, to));
            }
        }

        static string List(IEnumerable<string> types) => $"({string.Join(", ", types)})";
    }

    private Location Place(string text)
    {
        var start = Math.Max(0, _text.ToString().IndexOf(text, StringComparison.Ordinal));
        var span = new TextSpan(start, text.Length);
        return Location.Create(_file.Path, span, _text.Lines.GetLinePositionSpan(span));
    }
}
