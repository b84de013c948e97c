using System.Collections.Immutable;
using System.Composition;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Simplification;
using RpcNet.Generators.Contracts;

namespace RpcNet.Generators.CodeFixes;

/// <summary>
/// RPCNET003: passes by value what was passed by <c>ref</c> or <c>in</c>, moves a CancellationToken to the end, makes a span of
/// bytes memory. An <c>out</c> parameter needs a decision.
/// </summary>
[ExportCodeFixProvider(LanguageNames.CSharp), Shared]
public sealed class ParameterFix : NodeFix<ParameterSyntax>
{
    /// <inheritdoc/>
    public override ImmutableArray<string> FixableDiagnosticIds => ["RPCNET003"];

    private protected override Change? Find(Place place, ParameterSyntax node) =>
        node.Parent is ParameterListSyntax list
        && place.Model.GetDeclaredSymbol(node, place.CancellationToken) is { } symbol
        && Fixed(list, node, symbol) is var (title, replacement)
            ? new(title, _ => place.ReplaceAsync(list, replacement))
            : null;

    private static (string Title, ParameterListSyntax List)? Fixed(
        ParameterListSyntax list, ParameterSyntax parameter, IParameterSymbol symbol)
    {
        if (symbol.RefKind is RefKind.Ref or RefKind.In or RefKind.RefReadOnlyParameter)
        {
            var kept = parameter.Modifiers.Where(m =>
                !m.IsKind(SyntaxKind.RefKeyword) && !m.IsKind(SyntaxKind.InKeyword) && !m.IsKind(SyntaxKind.ReadOnlyKeyword));
            return ("Pass by value", list.ReplaceNode(
                parameter, parameter.WithModifiers(SyntaxFactory.TokenList(kept)).WithTriviaFrom(parameter)));
        }

        if (symbol.RefKind == RefKind.None && Symbols.IsCancellationToken(symbol.Type)
            && list.Parameters.Count(p => p.Type?.ToString() == parameter.Type?.ToString()) == 1
            && !list.Parameters.Any(p => p.Modifiers.Any(SyntaxKind.ParamsKeyword)))
        {
            // The separators stay in their places, and with them the line breaks.
            var order = list.Parameters.Where(p => p != parameter).Append(parameter).Select((p, i) =>
                p.WithTriviaFrom(list.Parameters[i]));
            return ("Move to the end", list.WithParameters(
                SyntaxFactory.SeparatedList(order, list.Parameters.GetSeparators())));
        }

        var bytes = symbol.Type is INamedTypeSymbol { TypeArguments: { Length: 1 } arguments }
            && arguments[0].SpecialType == SpecialType.System_Byte;
        var isSpan = Symbols.Is(symbol.Type, "System", "Span", 1) || Symbols.Is(symbol.Type, "System", "ReadOnlySpan", 1);
        if (symbol.RefKind == RefKind.None && isSpan && bytes && parameter.Type is not null)
        {
            var memory = SyntaxFactory.ParseTypeName("global::System.ReadOnlyMemory<byte>")
                .WithAdditionalAnnotations(Simplifier.Annotation)
                .WithTriviaFrom(parameter.Type);
            return ("Take ReadOnlyMemory<byte>", list.ReplaceNode(
                parameter, parameter.WithType(memory).WithModifiers(default).WithTriviaFrom(parameter)));
        }

        return null;
    }
}
